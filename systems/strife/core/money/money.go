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
