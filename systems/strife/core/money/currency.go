package money

import (
	"fmt"
	"strings"
)

// Currency is a code of ISO 4217, such as EUR. The zero value is none.
type Currency [3]byte

// The active codes of ISO 4217 by the number of digits of their minor unit. Codes
// of metals, funds and tests are left out, and those with four digits, which are
// units of account.
const (
	noDigits    = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
	threeDigits = "BHD IQD JOD KWD LYD OMR TND"
	twoDigits   = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK " +
		"DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT " +
		"LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN " +
		"QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS " +
		"VES WST XCD YER ZAR ZMW"
)

var digits = map[Currency]int{}

func init() {
	for n, codes := range map[int]string{0: noDigits, 2: twoDigits, 3: threeDigits} {
		for code := range strings.FieldsSeq(codes) {
			digits[Currency([]byte(code))] = n
		}
	}
}

// ParseCurrency reads a code. It must be a known one, in capitals.
func ParseCurrency(code string) (Currency, error) {
	if len(code) == 3 {
		c := Currency([]byte(code))
		if c.Known() {
			return c, nil
		}
	}
	return Currency{}, fmt.Errorf("money: no currency is called %q: want a code of ISO 4217 such as EUR", code)
}

// Known reports whether there is such a currency.
func (c Currency) Known() bool {
	_, ok := digits[c]
	return ok
}

// Digits returns how many digits the minor unit has: 0, 2 or 3.
func (c Currency) Digits() int { return digits[c] }

// String returns the code.
func (c Currency) String() string {
	if c == (Currency{}) {
		return "none"
	}
	return string(c[:])
}
