package money_test

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"dyno/systems/strife/core/money"
)

func currency(t testing.TB, code string) money.Currency {
	t.Helper()
	c, err := money.ParseCurrency(code)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text, code, shown string
		minor             int64
	}{
		{"12.50", "EUR", "12.50", 1250},
		{"12.5", "EUR", "12.50", 1250},
		{"12", "EUR", "12.00", 1200},
		{"0.01", "INR", "0.01", 1},
		{"-0.01", "INR", "-0.01", -1},
		{"-3", "EUR", "-3.00", -300},
		{"007", "JPY", "7", 7},
		{"-7", "JPY", "-7", -7},
		{"1.234", "KWD", "1.234", 1234},
		{"0.2", "KWD", "0.200", 200},
		{"92233720368547758.07", "EUR", "92233720368547758.07", math.MaxInt64},
		{"-92233720368547758.08", "EUR", "-92233720368547758.08", math.MinInt64},
	} {
		a, err := money.Parse(c.text, currency(t, c.code))
		if err != nil || a.Minor != c.minor || a.Text() != c.shown {
			t.Errorf("%s %s: %v, %v; want %d, shown as %s", c.text, c.code, a, err, c.minor, c.shown)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, code := range map[string]string{
		"": "EUR", ".5": "EUR", "5.": "EUR", "+5": "EUR", "--5": "EUR", "-": "EUR", " 5": "EUR", "5 ": "EUR", "1e3": "EUR", "1,5": "EUR",
		"1_000": "EUR", "0x10": "EUR", "١": "EUR", "NaN": "EUR", "1.2.3": "EUR", "1.-5": "EUR",
		"1.234": "EUR", "1.0": "JPY", "1.2345": "KWD", "92233720368547758.08": "EUR", "-92233720368547758.09": "EUR", "9999999999999999999": "JPY",
	} {
		if a, err := money.Parse(text, currency(t, code)); err == nil {
			t.Errorf("%q is taken for %v", text, a)
		}
	}
	if _, err := money.Parse("1", money.Currency{}); err == nil {
		t.Error("an amount of no currency is taken")
	}
	for _, code := range []string{"", "eur", "EURO", "XXX", "E R"} {
		if _, err := money.ParseCurrency(code); err == nil {
			t.Errorf("%q is taken for a currency", code)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"12.50", "-0.01", "92233720368547758.07", "1e3", "00.00", "-0"} {
		for _, code := range []string{"EUR", "JPY", "KWD"} {
			f.Add(text, code)
		}
	}
	f.Fuzz(func(t *testing.T, text, code string) {
		c, err := money.ParseCurrency(code)
		if err != nil {
			return
		}
		a, err := money.Parse(text, c)
		if err != nil {
			return
		}
		exact, ok := new(big.Rat).SetString(text)
		scale := big.NewRat(int64(math.Pow10(c.Digits())), 1)
		if !ok || exact.Mul(exact, scale).Cmp(new(big.Rat).SetInt64(a.Minor)) != 0 {
			t.Fatalf("%q is taken for %d minor units", text, a.Minor)
		}
		if again, err := money.Parse(a.Text(), c); err != nil || again != a {
			t.Fatalf("%v reads back as %v, %v", a, again, err)
		}
		if strings.Trim(a.Text(), "-.0123456789") != "" {
			t.Fatalf("%q", a.Text())
		}
	})
}
