package figure

import (
	"image"
	"image/color"
	"math"
	"strings"
	"sync"

	stdfont "golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Sizes of type in points. The image is 8 inches wide; shown at half size on a
// screen, 11 points are still 11 pixels high.
const (
	titleSize = 15
	panelSize = 12
	labelSize = 13
	tickSize  = 11.5
	smallSize = 10
)

func lettering(size vg.Length, c color.Color) text.Style {
	return text.Style{
		Color:   c,
		Font:    font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size),
		XAlign:  draw.XLeft,
		YAlign:  draw.YBottom,
		Handler: letters{plot.DefaultTextHandler},
	}
}

func bold(s text.Style) text.Style {
	s.Font.Weight = stdfont.WeightBold
	return s
}

// letters writes texts that run level dot by dot. To vgimg each letter is an image
// that could be turned, which takes five times as long.
type letters struct{ text.Handler }

// Draw implements [text.Handler].
func (l letters) Draw(c vg.Canvas, words string, s text.Style, at vg.Point) {
	if img := imageOf(c); img != nil && s.Rotation == 0 {
		c = straight{img, s.Color}
	}
	l.Handler.Draw(c, words, s, at)
}

// widths are those of texts: each is asked for a dozen times while a figure is laid
// out, and takes 2 kB to find.
var widths sync.Map // of vg.Length, by measured

type measured struct {
	words string
	in    font.Font
}

// Box implements [text.Handler].
func (l letters) Box(words string, in font.Font) (width, height, depth vg.Length) {
	known, ok := widths.Load(measured{words, in})
	if !ok {
		width, height, depth = l.Handler.Box(words, in)
		known, _ = widths.LoadOrStore(measured{words, in}, [...]vg.Length{width, height, depth})
	}
	box := known.([3]vg.Length)
	return box[0], box[1], box[2]
}

// imageOf is what lies beneath a canvas that was cut out of others; nil: no image.
func imageOf(c vg.Canvas) *vgimg.Canvas {
	switch c := c.(type) {
	case *draw.Canvas:
		return imageOf(c.Canvas)
	case draw.Canvas:
		return imageOf(c.Canvas)
	case *vgimg.Canvas:
		return c
	}
	return nil
}

// straight is a canvas that is not turned.
type straight struct {
	*vgimg.Canvas
	ink color.Color
}

// FillString implements [vg.Canvas].
func (l straight) FillString(f font.Face, at vg.Point, words string) {
	face := f.FontFace(l.DPI())
	defer face.Close()
	_, high := l.Size()
	dot := func(v vg.Length) fixed.Int26_6 { return fixed.Int26_6(math.Round(64 * v.Dots(l.DPI()))) }
	d := stdfont.Drawer{Dst: l.Image(), Src: image.NewUniform(l.ink), Face: face, Dot: fixed.Point26_6{X: dot(at.X), Y: dot(high - at.Y)}}
	d.DrawString(words)
}

// lineHeight is the distance from one line of text to the next.
func lineHeight(s text.Style) vg.Length { return s.Font.Size * 1.25 }

// wrap breaks a text into lines no wider than width, at spaces. A word that is
// wider by itself is broken where it must be.
func wrap(s text.Style, width vg.Length, words string) []string {
	return fill(s, width, strings.SplitAfter(words, " "))
}

// wrapName breaks a name such as weighted_round_robin after a joint, which the
// middle of an arrow is not.
func wrapName(s text.Style, width vg.Length, name string) []string {
	var parts []string
	from := 0
	for i := range name {
		if strings.ContainsRune("_- /,@", rune(name[i])) && !strings.HasPrefix(name[i:], "->") {
			parts, from = append(parts, name[from:i+1]), i+1
		}
	}
	return fill(s, width, append(parts, name[from:]))
}

func fill(s text.Style, width vg.Length, parts []string) []string {
	var lines []string
	line := ""
	for _, part := range parts {
		if line != "" && s.Width(strings.TrimRight(line+part, " ")) > width {
			lines = append(lines, strings.TrimRight(line, " "))
			line = ""
		}
		line += part
	}
	return append(lines, strings.TrimRight(line, " "))
}

// shrink returns the style at the greatest size, down to a limit, at which the
// words fit into the width.
func shrink(s text.Style, width vg.Length, words string) text.Style {
	const least = 8
	for s.Font.Size > least && s.Width(words) > width {
		s.Font.Size = max(least, s.Font.Size-0.5)
	}
	return s
}

// block writes lines downwards from the top left corner and returns where the
// next line would begin.
func (p pen) block(s text.Style, at vg.Point, lines []string) vg.Length {
	s.YAlign = draw.YTop
	for _, l := range lines {
		p.FillText(s, at, l)
		at.Y -= lineHeight(s)
	}
	return at.Y
}

// upward writes a text that runs upwards, centred on x, from y on.
func (p pen) upward(s text.Style, x, y vg.Length, words string) {
	s.Rotation, s.XAlign, s.YAlign = math.Pi/2, draw.XLeft, draw.YCenter
	p.FillText(s, vg.Point{X: x, Y: y}, words)
}
