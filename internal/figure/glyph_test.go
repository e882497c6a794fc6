package figure

import (
	"bytes"
	"image"
	"image/color"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"pgregory.net/rapid"
)

// pixels is what a text looks like.
func pixels(words string, heavy bool) []byte {
	canvas := vgimg.New(60, 40)
	st := lettering(tickSize, color.Black)
	if heavy {
		st = bold(st)
	}
	p := pen{draw.New(canvas)}
	p.FillText(st, vg.Point{X: 5, Y: 12}, words)
	return canvas.Image().(*image.RGBA).Pix
}

// What is called visible leaves a mark, in both weights; what is escaped would
// not, or the mark of something else.
func TestShowsWhatTheFontDraws(t *testing.T) {
	f := newFontCoverage()
	for _, r := range "aZ0{}\"µé×≤…–—’ЯжΩ€" {
		if !f.shows(r) {
			t.Errorf("%c (U+%04X) is to be escaped", r, r)
		}
	}
	nothing := pixels("", false)
	for _, r := range "日中国ก😀\u200b\u00a0\u202e\t\u0301\u2028\ufeff" {
		if f.shows(r) {
			t.Errorf("U+%04X is to be drawn", r)
		}
	}
	for r := rune(0x21); r < 0x3000; r++ { // Latin to symbols, one by one
		if !f.shows(r) {
			continue
		}
		for _, heavy := range []bool{false, true} {
			if bytes.Equal(pixels(string(r), heavy), nothing) {
				t.Errorf("%q (U+%04X), heavy %v, leaves no mark", r, r, heavy)
			}
		}
	}
}

// Labels that differ look different, whatever they are made of.
func TestLabelsThatDifferLookDifferent(t *testing.T) {
	f := newFontCoverage()
	alphabet := []rune(`au\6U5x{}" 日中ру€` + "\u200b\u00a0\u0301😀\n")
	label := rapid.StringOfN(rapid.SampledFrom(alphabet), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := label.Draw(t, "a"), label.Draw(t, "b")
		ea, eb := f.escape(a, true), f.escape(b, true)
		if (a == b) != (ea == eb) {
			t.Fatalf("%q and %q become %q and %q", a, b, ea, eb)
		}
		for _, r := range ea {
			if !f.shows(r) {
				t.Fatalf("%q becomes %q, with U+%04X", a, ea, r)
			}
		}
	})
	for in, want := range map[string]string{
		`{"card":"日本"}`: `{"card":"\u65e5\u672c"}`,
		`{"card":"中国"}`: `{"card":"\u4e2d\u56fd"}`,
		"рубль":         "рубль",
		"😀":             `\U0001f600`,
		"a\xffb":        `a\xffb`,
		`\u65e5`:        `\\u65e5`,
	} {
		if got := f.escape(in, true); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
}

// Every text of a chart that is drawn is escaped, with a note that says so; a
// chart that needs none is left alone, and the caller's is in any case.
func TestChartsAreLegible(t *testing.T) {
	const odd = "日"
	made := func() Chart {
		return Chart{
			Kind: "bars", Title: odd, X: Axis{Label: odd}, Y: Axis{Label: odd}, Legend: odd, Notes: []string{odd},
			Panels: []Panel{{Title: odd, Categories: []string{odd}, Series: []Series{{Name: odd, Points: []Point{{Missing: odd}}}}}},
		}
	}
	c := made()
	got := c.legible()
	count := 0
	got.eachText(func(s *string) {
		if strings.Contains(*s, odd) {
			t.Errorf("%q is left", *s)
		}
		count += strings.Count(*s, `\u65e5`)
	})
	if count != 9 || !slices.Contains(got.Notes, escapedNote) {
		t.Errorf("%d of 9 texts are escaped; notes %q", count, got.Notes)
	}
	c.eachText(func(s *string) {
		if *s != odd {
			t.Errorf("the caller's chart became %q", *s)
		}
	})
	plain := Chart{Title: `a\b`}
	if got := plain.legible(); got.Title != `a\b` || len(got.Notes) != 0 {
		t.Errorf("a chart without odd characters became %+v", got)
	}
}
