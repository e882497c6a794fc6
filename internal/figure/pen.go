package figure

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// pen draws the parts that figures are made of, in points on a canvas.
type pen struct{ draw.Canvas }

// Widths and sizes in points.
const (
	outline     = 0.8
	whisker     = 1.1
	halo        = 0.8 // white on either side of what lies across a bar
	theoryWidth = 2
	lineWidth   = 1.8
	markRadius  = 4
)

func (p pen) line(c color.Color, width vg.Length, dash []vg.Length, pts ...vg.Point) {
	p.StrokeLines(draw.LineStyle{Color: c, Width: width, Dashes: dash}, pts)
}

func (p pen) polygon(fill color.Color, pts []vg.Point) {
	var path vg.Path
	path.Move(pts[0])
	for _, pt := range pts[1:] {
		path.Line(pt)
	}
	path.Close()
	p.SetColor(fill)
	p.Fill(path)
}

// bar fills a rectangle in the style of a level.
func (p pen) bar(s style, r vg.Rectangle) {
	corners := []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}}
	p.polygon(s.fill, corners)
	p.hatch(s, r)
	p.line(ink, outline, nil, append(corners, r.Min)...)
}

// hatch draws the lines of a pattern, clipped to the rectangle.
func (p pen) hatch(s style, r vg.Rectangle) {
	const gap, width = 5, 0.7
	c, size := shade(s.fill), r.Size()
	stroke := func(a, b vg.Point) { p.line(c, width, nil, a, b) }
	switch s.hatch {
	case level:
		for y := r.Min.Y + gap; y < r.Max.Y; y += gap {
			stroke(vg.Point{X: r.Min.X, Y: y}, vg.Point{X: r.Max.X, Y: y})
		}
	case upright:
		for x := r.Min.X + gap/2; x < r.Max.X; x += gap {
			stroke(vg.Point{X: x, Y: r.Min.Y}, vg.Point{X: x, Y: r.Max.Y})
		}
	case rising, falling:
		for d := vg.Length(gap); d < size.X+size.Y; d += gap * math.Sqrt2 {
			// The line x + y = d, within the rectangle.
			a := vg.Point{X: max(0, d-size.Y), Y: min(d, size.Y)}
			b := vg.Point{X: min(d, size.X), Y: max(0, d-size.X)}
			if s.hatch == rising {
				a.Y, b.Y = size.Y-a.Y, size.Y-b.Y
			}
			stroke(a.Add(r.Min), b.Add(r.Min))
		}
	}
}

// errorBar draws the interval of a point at x; lo and hi are clipped to the
// canvas. A range has no caps, and neither has an end that leaves the axis. The
// white rim makes it stand out from a bar.
func (p pen) errorBar(x, lo, hi, capWidth, rim vg.Length, bare bool) {
	clippedLo := lo < p.Min.Y
	lo, hi = max(lo, p.Min.Y), min(hi, p.Max.Y)
	stem := []vg.Point{{X: x, Y: lo}, {X: x, Y: hi}}
	if rim > 0 {
		p.line(white, whisker+2*rim, nil, stem...)
	}
	p.line(ink, whisker, nil, stem...)
	if bare {
		return
	}
	ends := []vg.Length{hi}
	if !clippedLo {
		ends = append(ends, lo)
	}
	for _, y := range ends {
		p.line(ink, whisker, nil, vg.Point{X: x - capWidth/2, Y: y}, vg.Point{X: x + capWidth/2, Y: y})
	}
}

// theory draws the black dash that stands for what theory expects, in a rim if
// there is to be one.
func (p pen) theory(rim color.Color, x, y, width vg.Length) {
	dash := []vg.Point{{X: x - width/2, Y: y}, {X: x + width/2, Y: y}}
	if rim != nil {
		p.line(rim, theoryWidth+4*halo, nil, dash...)
	}
	p.line(black, theoryWidth, nil, dash...)
}

// mark is a shape: its corners on the unit circle.
type mark struct {
	corners int
	turn    float64 // of the first corner, in radians from east
}

// marks are told apart by the number and the stance of their corners.
var marks = []mark{
	{24, 0},           // circle
	{4, math.Pi / 4},  // square
	{3, math.Pi / 2},  // triangle
	{4, 0},            // diamond
	{3, -math.Pi / 2}, // triangle, upside down
	{5, math.Pi / 2},  // pentagon
}

func (m mark) outline(at vg.Point, radius vg.Length) []vg.Point {
	var pts []vg.Point
	for i := range max(m.corners, 3) {
		sin, cos := math.Sincos(m.turn + 2*math.Pi*float64(i)/float64(m.corners))
		pts = append(pts, at.Add(vg.Point{X: radius * vg.Length(cos), Y: radius * vg.Length(sin)}))
	}
	return pts
}

// mark draws the mark of a level.
func (p pen) mark(s style, at vg.Point) {
	m := s.mark
	if m.corners == 0 {
		m = marks[0]
	}
	radius := vg.Length(markRadius)
	if m.corners < 5 {
		radius *= 1.25 // the same area as the circle, about
	}
	if s.hollow {
		p.polygon(ink, m.outline(at, radius+0.8))
		p.polygon(s.fill, m.outline(at, radius))
		p.polygon(white, m.outline(at, radius*0.5))
		return
	}
	p.polygon(ink, m.outline(at, radius+0.6))
	p.polygon(s.fill, m.outline(at, radius))
}

// cross draws the mark of a value that is missing.
func (p pen) cross(s style, at vg.Point) {
	const r = 3.5
	for _, sign := range []vg.Length{1, -1} {
		p.line(shade(s.fill), 1.6, nil, at.Add(vg.Point{X: -r, Y: -r * sign}), at.Add(vg.Point{X: r, Y: r * sign}))
	}
}
