package table_test

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"pgregory.net/rapid"

	"dyno/internal/stats"
	"dyno/internal/table"
)

func TestTable(t *testing.T) {
	tb := table.New("policy", "throughput (req/s)", "notes")
	tb.Add("least_load", "588 [571, 595]", "")
	tb.Add("a|b", "(not measured: no valid trial)", "two\nlines")
	want := strings.TrimPrefix(`
| policy     |             throughput (req/s) | notes     |
|:-----------|-------------------------------:|:----------|
| least_load |                 588 [571, 595] |           |
| a\|b       | (not measured: no valid trial) | two lines |
`, "\n")
	if got := tb.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if tb.String() != want {
		t.Error("a second rendering differs")
	}
}

func TestNumbersStandRight(t *testing.T) {
	for cells, right := range map[string]bool{
		"1|22.5": true, "1 [0, 2]|(no trial)": true, "5%|7.1†": true, "20ms|1m30s": true, "-3|1e-12": true, "|": false,
		"2pc-clients|2pc-peer": false, "6.18.44-fc|6.1": false, "1|none": false,
	} {
		a, b, _ := strings.Cut(cells, "|")
		tb := table.New("head")
		tb.Add(a)
		tb.Add(b)
		if got := strings.Contains(tb.String(), "-:|"); got != right {
			t.Errorf("%q stands to the right: %v", cells, got)
		}
	}
}

func TestHeaderIsLeftAlone(t *testing.T) {
	tb := table.New("lost_writes (1)", "p99.9 of response")
	tb.Add("1", "2")
	if got := tb.String(); !strings.Contains(got, "lost_writes (1)") || !strings.Contains(got, "p99.9 of response") {
		t.Errorf("the header was changed:\n%s", got)
	}
}

func TestEmptyTableIsStillATable(t *testing.T) {
	if got := html(t, table.New("a", "b").String()); !strings.Contains(got, "<th") {
		t.Errorf("got %s", got)
	}
}

func TestWrongNumberOfCellsPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	table.New("a", "b").Add("1")
}

func html(t testing.TB, markdown string) string {
	t.Helper()
	var out bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert([]byte(markdown), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Whatever a text holds, it stays one cell and is no markup.
func TestTextIsNoMarkup(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		word := rapid.StringMatching("[a-z0-9_*`<>&|~\\\\\\[\\]\n .:!()#-]{1,30}").Draw(rt, "word")
		tb := table.New("a", "b")
		tb.Add(table.Text(word), "x")
		out := html(t, tb.String())
		if n := strings.Count(out, "<td"); n != 2 {
			rt.Fatalf("%q makes %d cells: %s", word, n, out)
		}
		for _, markup := range []string{"<em", "<strong", "<code", "<a", "<del", "<img"} {
			if strings.Contains(out, markup) {
				rt.Fatalf("%q becomes markup: %s", word, out)
			}
		}
	})
}

func TestNumber(t *testing.T) {
	interval := func(c, lo, hi float64) stats.Summary {
		return stats.Summary{Center: c, Lo: lo, Hi: hi, N: 6, Kind: stats.Interval}
	}
	for _, c := range []struct {
		s    stats.Summary
		want string
	}{
		{interval(588.237, 571.1, 594.9), "588 [571, 595]"},
		{interval(58823.7, 57130, 59510), "58800 [57100, 59500]"},
		{interval(1.0234, 1.0012, 1.0511), "1.023 [1.001, 1.051]"},
		{interval(0.000123, 0.000119, 0.00013), "0.000123 [0.000119, 0.000130]"},
		{interval(3, 0, 950), "3 [0, 950]"},
		{interval(42, 42, 42), "42 [42, 42]"},
		{interval(0, 0, 0), "0 [0, 0]"},
		{interval(0.33333, 0.33333, 0.33333), "0.333 [0.333, 0.333]"},
		{interval(-0.001, -4, 4), "0.00 [-4.00, 4.00]"},
		{interval(12345678, 12345670, 12345690), "12345678 [12345670, 12345690]"},
		{stats.Summary{Center: 5, Lo: 4, Hi: 7, N: 2, Kind: stats.Range}, "5.0 (4.0 to 7.0)"},
		{stats.Summary{Center: 5.4321, Lo: 5.4321, Hi: 5.4321, N: 1}, "5.43"},
		{stats.Summary{Center: 1200, N: 1}, "1200"},
		{stats.Summary{Center: 1e-12, N: 1}, "1e-12"},
	} {
		if got := table.Number(c.s); got != c.want {
			t.Errorf("Number(%v [%v, %v]) = %q, want %q", c.s.Center, c.s.Lo, c.s.Hi, got, c.want)
		}
	}
}

// An interval that ends beyond a bound is not written as if it ended at it.
func TestNumberShowsTheSideOfABound(t *testing.T) {
	for _, c := range []struct {
		lo, hi, bound float64
		want          string
	}{
		{0.671, 0.8034, 0.8, "0.721 [0.671, 0.803]"},
		{0.671, 0.8, 0.8, "0.72 [0.67, 0.80]"},
		{0.671, 0.80004, 0.8, "0.72100 [0.67100, 0.80004]"},
		{0.671, math.Nextafter(0.8, 1), 0.8, "0.72 [0.67, 0.80]"},
		{0.671, 0.76, 0.8, "0.721 [0.671, 0.760]"},
		{571.1, 594.9, 571, "588.0 [571.1, 594.9]"},
	} {
		s := stats.Summary{Center: 0.721, Lo: c.lo, Hi: c.hi, N: 6, Kind: stats.Interval}
		if c.lo > 1 {
			s.Center = 588
		}
		if got := table.Number(s, c.bound); got != c.want {
			t.Errorf("[%v, %v] against %v is %q, want %q", c.lo, c.hi, c.bound, got, c.want)
		}
	}
}

// A printed number is near the true one: within half a unit of the last of two
// digits of the interval's width, or of the number.
func TestNumberRoundsLittle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lo := rapid.Float64Range(-1e6, 1e6).Draw(t, "lo")
		width := math.Pow(10, rapid.Float64Range(-4, 6).Draw(t, "log width"))
		center := lo + width*rapid.Float64Range(0, 1).Draw(t, "where")
		s := stats.Summary{Center: center, Lo: lo, Hi: lo + width, N: 6, Kind: stats.Interval}
		text, _, _ := strings.Cut(table.Number(s), " ")
		got, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got-center) > 0.051*width+1e-9*math.Abs(center) {
			t.Fatalf("%v is printed as %s with an interval %v wide", center, text, width)
		}
	})
}

// A table that is wider than asked for goes on below, with its first columns again;
// no column is lost, and one that is too wide for any screen stands alone.
func TestWithin(t *testing.T) {
	tab := table.New("key", "a", "b", "wide")
	tab.Add("k1", "1", "22", strings.Repeat("w", 30))
	if got := tab.Within(200, 1); got != tab.String() {
		t.Errorf("what fits was changed:\n%s", got)
	}
	parts := strings.Split(tab.Within(16, 1), "\n\n")
	if len(parts) != 2 || !strings.HasPrefix(parts[0], "| key | a |  b |\n") || !strings.HasPrefix(parts[1], "| key | wide ") {
		t.Errorf("%d parts:\n%s", len(parts), strings.Join(parts, "\n\n"))
	}
}
