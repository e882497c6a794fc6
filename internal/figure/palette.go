package figure

import (
	"image/color"

	"gonum.org/v1/plot/vg"
)

// palette holds the colours of Okabe and Ito (Color Universal Design, 2008),
// without black, which is kept for intervals and theory. Neighbours differ in
// luminance by at least 0.15, so that they differ on paper too.
var palette = []color.RGBA{
	{0x00, 0x72, 0xB2, 0xFF}, // blue
	{0xE6, 0x9F, 0x00, 0xFF}, // orange
	{0x00, 0x9E, 0x73, 0xFF}, // bluish green
	{0x56, 0xB4, 0xE9, 0xFF}, // sky blue
	{0xD5, 0x5E, 0x00, 0xFF}, // vermillion
	{0xF0, 0xE4, 0x42, 0xFF}, // yellow
	{0xCC, 0x79, 0xA7, 0xFF}, // reddish purple
}

// Colours is how many there are: an index beyond them has the colour of the one that
// is so many below it, and other marks.
var Colours = len(palette)

var (
	black     = color.RGBA{0x00, 0x00, 0x00, 0xFF}
	white     = color.RGBA{0xFF, 0xFF, 0xFF, 0xFF}
	ink       = color.RGBA{0x22, 0x22, 0x22, 0xFF} // text, axes, outlines
	quiet     = color.RGBA{0x59, 0x59, 0x59, 0xFF} // small print
	gridColor = color.RGBA{0xE2, 0xE2, 0xE2, 0xFF}
	bandColor = color.RGBA{0xF0, 0xF2, 0xF5, 0xFF} // lighter than the grid
	neutral   = color.RGBA{0x9A, 0xA5, 0xB1, 0xFF} // the colour that means nothing
)

// style is how a level looks, whatever the figure.
type style struct {
	fill   color.RGBA
	hatch  hatch
	dashes []vg.Length
	mark   mark
	hollow bool // the palette has come round again: marks are open
}

// hatch is a pattern that tells bars apart without colour.
type hatch int

const (
	plain hatch = iota
	rising
	falling
	level
	upright
)

// Four hatches and five dashes against seven colours and six marks: levels
// that share a colour differ in everything else.
var (
	hatches = []hatch{plain, rising, falling, level, upright}
	dashes  = [][]vg.Length{nil, {7, 3}, {2, 2.5}, {9, 3, 2, 3}, {4, 2}}
)

func styleOf(index int) style {
	if index < 0 {
		return style{fill: neutral}
	}
	return style{
		fill:   palette[index%len(palette)],
		hatch:  hatches[index%len(hatches)],
		dashes: dashes[index%len(dashes)],
		mark:   marks[index%len(marks)],
		hollow: index >= len(palette),
	}
}

// luminance is the relative luminance of a colour (ITU-R BT.709), 0 to 1,
// without the gamma correction: enough to order colours.
func luminance(c color.RGBA) float64 {
	return (0.2126*float64(c.R) + 0.7152*float64(c.G) + 0.0722*float64(c.B)) / 255
}

// shade darkens a colour, for hatches and edges.
func shade(c color.RGBA) color.RGBA {
	const keep = 0.55
	return color.RGBA{uint8(float64(c.R) * keep), uint8(float64(c.G) * keep), uint8(float64(c.B) * keep), c.A}
}
