package figure

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/image/font/sfnt"
	"gonum.org/v1/plot/text"
)

// escapedNote stands under a chart in which a text is escaped.
const escapedNote = `\u and \U stand for characters that the font of this figure cannot show, by their Unicode numbers.`

// legible returns the chart with every text in characters that can be seen.
// The font draws nothing at all for what it lacks, so that two labels would
// look the same; such characters are escaped as in JSON. In a chart that has
// some a backslash is written twice, for an escape to be told from the same
// letters in a label.
func (c Chart) legible() Chart {
	f := newFontCoverage()
	odd := false
	c.eachText(func(s *string) { odd = odd || f.escape(*s, false) != *s })
	if !odd {
		return c
	}
	c = c.clone()
	c.eachText(func(s *string) { *s = f.escape(*s, true) })
	c.Notes = append(c.Notes, escapedNote)
	return c
}

// clone copies all that eachText hands out.
func (c Chart) clone() Chart {
	c.Notes, c.Panels = slices.Clone(c.Notes), slices.Clone(c.Panels)
	for i := range c.Panels {
		p := &c.Panels[i]
		p.Categories, p.Series, p.Bands = slices.Clone(p.Categories), slices.Clone(p.Series), slices.Clone(p.Bands)
		for k := range p.Series {
			p.Series[k].Points = slices.Clone(p.Series[k].Points)
		}
	}
	return c
}

// eachText calls f for every text of the chart that is drawn.
func (c *Chart) eachText(f func(*string)) {
	for _, s := range []*string{&c.Title, &c.X.Label, &c.Y.Label, &c.Legend} {
		f(s)
	}
	for i := range c.Notes {
		f(&c.Notes[i])
	}
	for i := range c.Panels {
		p := &c.Panels[i]
		f(&p.Title)
		for k := range p.Categories {
			f(&p.Categories[k])
		}
		for k := range p.Bands {
			f(&p.Bands[k].Name)
		}
		for k := range p.Series {
			f(&p.Series[k].Name)
			for j := range p.Series[k].Points {
				f(&p.Series[k].Points[j].Missing)
			}
		}
	}
}

// fontCoverage knows which characters figures can show: those that the font
// has in both weights, and that leave a mark of their own.
type fontCoverage struct {
	faces []*sfnt.Font
	buf   sfnt.Buffer
}

func newFontCoverage() *fontCoverage {
	plain := lettering(tickSize, ink)
	f := new(fontCoverage)
	for _, st := range []text.Style{plain, bold(plain)} {
		f.faces = append(f.faces, st.Handler.Cache().Lookup(st.Font, st.Font.Size).Face)
	}
	return f
}

// shows says whether a character can be told from nothing and from a blank. A
// mark that joins the letter before it cannot: é may be one character or two.
func (f *fontCoverage) shows(r rune) bool {
	if r == '\n' {
		return true // breaks the line
	}
	if !unicode.IsPrint(r) || unicode.Is(unicode.M, r) {
		return false
	}
	for _, face := range f.faces {
		if i, err := face.GlyphIndex(&f.buf, r); err != nil || i == 0 {
			return false
		}
	}
	return true
}

// escape writes what cannot be shown by its number; double also doubles
// backslashes.
func (f *fontCoverage) escape(words string, double bool) string {
	var b strings.Builder
	for i, size := 0, 0; i < len(words); i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(words[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, words[i])
		case r == '\\' && double:
			b.WriteString(`\\`)
		case f.shows(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
