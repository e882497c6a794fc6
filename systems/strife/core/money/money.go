// Package money counts money exactly: whole minor units of a currency in an
// int64. Nothing is rounded, nothing wraps round, and there is no floating
// point.
package money

import (
	"fmt"
	"strconv"
	"strings"
)

// Amount is some money: Minor units, such as cents, of a currency.
type Amount struct {
	Minor    int64
	Currency Currency
}

// Parse reads decimal text such as 12.50 or -3: an optional sign -, digits, and
// perhaps a point with at least one digit and at most as many as the currency
// has. Nothing else: no +, spaces, separators or exponents.
func Parse(text string, c Currency) (Amount, error) {
	if !c.Known() {
		return Amount{}, fmt.Errorf("money: no currency is called %q", c.String())
	}
	bare, negative := strings.CutPrefix(text, "-")
	whole, fraction, point := strings.Cut(bare, ".")
	switch {
	case !allDigits(whole) || point && !allDigits(fraction):
		return Amount{}, fmt.Errorf("money: %q is no amount: want digits as in 12.50", text)
	case len(fraction) > c.Digits():
		return Amount{}, fmt.Errorf("money: %q has %d digits behind the point, %v has %d", text, len(fraction), c, c.Digits())
	}
	all := whole + fraction + "000"[:c.Digits()-len(fraction)]
	if negative {
		all = "-" + all
	}
	minor, err := strconv.ParseInt(all, 10, 64)
	if err != nil {
		return Amount{}, fmt.Errorf("money: %q is more than can be counted", text)
	}
	return Amount{minor, c}, nil
}

func allDigits(s string) bool {
	for _, b := range []byte(s) {
		if b < '0' || b > '9' {
			return false
		}
	}
	return s != ""
}

// Text returns the number as Parse reads it, with all digits of the currency:
// 12.50.
func (a Amount) Text() string {
	n := a.Currency.Digits()
	sign, text := "", strconv.FormatInt(a.Minor, 10)
	if text[0] == '-' {
		sign, text = "-", text[1:]
	}
	if len(text) <= n {
		text = strings.Repeat("0", n+1-len(text)) + text
	}
	if n == 0 {
		return sign + text
	}
	return sign + text[:len(text)-n] + "." + text[len(text)-n:]
}

// String returns number and currency: 12.50 EUR.
func (a Amount) String() string { return a.Text() + " " + a.Currency.String() }

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
