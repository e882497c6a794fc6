package figure

import (
	"image"
	"io"
	"slices"
	"sync"

	"git.sr.ht/~sbinet/gg"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Measures of the image, in points unless said.
const (
	sheetWidth = 8 * vg.Inch
	dotsPerIn  = 150
	margin     = 10
	aloneHigh  = 250 // of the only row of panels
	rowHigh    = 205 // of one row among several
	thumbWide  = 26
	entryGap   = 16
)

// sheet lays a chart out: title, legend, panels, small print, top down.
type sheet struct {
	*Chart
	kind   Kind
	y      span
	title  []string
	legend [][]entry
	notes  []string
	panels []*panelPlot
	cols   int
}

// entry is one item of the legend.
type entry struct {
	words string
	style text.Style
	width vg.Length // with its thumb
	thumb func(pen)
}

func newSheet(kind Kind, c *Chart) *sheet {
	s := &sheet{Chart: c, kind: kind, y: yspan(c, kind.zero), cols: min(kind.columns(c), len(c.Panels))}
	if named := func(p Panel) bool { return len(p.Bands) > 0 }; kind.names && !s.y.log && slices.ContainsFunc(c.Panels, named) {
		note := s.y.note
		s.y = linear(s.y.lo, s.y.hi+roomForNames*(s.y.hi-s.y.lo))
		s.y.note = note
	}
	const inner = sheetWidth - 2*margin
	s.title = wrap(bold(lettering(titleSize, ink)), inner, c.Title)
	s.legend = s.entries(inner)
	high := vg.Length(rowHigh)
	if len(c.Panels) <= s.cols {
		high = aloneHigh
	}
	var own []string
	for i := range c.Panels {
		p := newPanelPlot(s, &c.Panels[i], inner/vg.Length(s.cols), high)
		p.axes(i%s.cols == 0, i+s.cols >= len(c.Panels))
		kind.prepare(p)
		own = append(own, p.notes...)
		s.panels = append(s.panels, p)
	}
	if s.y.note != "" {
		own = append(own, s.y.note)
	}
	if !s.y.log && s.y.lo > 0 {
		own = append(own, "The y axis does not start at 0.")
	}
	if c.some(func(p *Point) bool { return p.Lo < p.Hi }) && c.some(func(p *Point) bool { return p.drawn() && p.Lo == p.Hi }) {
		own = append(own, "Without a whisker: one block, nearly all blocks found the same, or too few samples in each for its own percentile.")
	}
	if kind.Name == bars.Name && c.some(func(p *Point) bool { return p.Absent }) {
		own = append(own, "Where a bar is missing from a group, no such cell was to be run.")
	}
	slices.Sort(own)
	for _, n := range append(slices.Compact(own), c.Notes...) {
		s.notes = append(s.notes, wrap(lettering(smallSize, quiet), inner, n)...)
	}
	return s
}

// entries packs the legend into rows.
func (s *sheet) entries(width vg.Length) [][]entry {
	plain := lettering(tickSize, ink)
	var all []entry
	add := func(words string, st text.Style, thumb func(pen)) {
		e := entry{words: words, style: st, thumb: thumb, width: st.Width(words) + entryGap}
		if thumb != nil {
			e.width += thumbWide
		}
		all = append(all, e)
	}
	if s.Legend != "" {
		add(s.Legend+":", bold(plain), nil)
	}
	var seen []string
	for _, p := range s.Panels {
		for _, ser := range p.Series {
			if ser.Name != "" && !slices.Contains(seen, ser.Name) {
				seen = append(seen, ser.Name)
				add(ser.Name, plain, func(p pen) { s.kind.thumb(p, ser) })
			}
		}
	}
	if s.hasTheory() {
		add("theory", plain, func(p pen) {
			at := p.Center()
			p.theory(nil, at.X, at.Y, 16)
		})
	}
	return pack(all, width)
}

// pack breaks entries into rows; later rows begin below the first entry with a
// thumb.
func pack(all []entry, width vg.Length) [][]entry {
	var rows [][]entry
	var used vg.Length
	for _, e := range all {
		if len(rows) == 0 || used+e.width > width {
			rows, used = append(rows, nil), 0
			if first := all[0]; len(rows) > 1 && first.thumb == nil && first.width < width/4 {
				rows[len(rows)-1] = []entry{{style: first.style, width: first.width}}
				used = first.width
			}
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], e)
		used += e.width
	}
	return rows
}

func (s *sheet) rows() int { return (len(s.panels) + s.cols - 1) / s.cols }

func (s *sheet) gridHigh() vg.Length {
	var sum vg.Length
	for r := range s.rows() {
		high := vg.Length(0)
		for _, p := range s.panels[r*s.cols : min((r+1)*s.cols, len(s.panels))] {
			high = max(high, p.high)
		}
		sum += high
	}
	return sum
}

func (s *sheet) write(w io.Writer) error {
	var (
		title = bold(lettering(titleSize, ink))
		small = lettering(smallSize, quiet)
		entry = lettering(tickSize, ink)
		grid  = s.gridHigh()
	)
	high := 2*margin + lineHeight(title)*vg.Length(len(s.title)) + lineHeight(entry)*1.2*vg.Length(len(s.legend)) + grid +
		lineHeight(small)*vg.Length(len(s.notes))
	if len(s.legend) > 0 {
		high += 4
	}
	img := blank(sheetWidth, high)
	defer blanks.Put(&img.Pix)
	dots := gg.NewContextForRGBA(img) // as vgimg makes one, which copies the image
	dots.SetLineCapButt()
	dots.InvertY()
	p := pen{draw.NewCanvas(vgimg.NewWith(vgimg.UseImageWithContext(img, dots), vgimg.UseDPI(dotsPerIn)), sheetWidth, high)}
	y := p.block(title, vg.Point{X: margin, Y: high - margin}, s.title)
	if len(s.legend) > 0 {
		y -= 4
	}
	for _, row := range s.legend {
		p.row(row, y, lineHeight(entry))
		y -= lineHeight(entry) * 1.2
	}
	s.grid(draw.Crop(p.Canvas, margin, -margin, y-grid, y-high))
	p.block(small, vg.Point{X: margin, Y: y - grid}, s.notes)
	return encode(w, img)
}

// blanks keeps the memory of sheets that were drawn: 4 MB each.
var blanks = sync.Pool{New: func() any { return new([]byte) }}

// blank is an image without a dot on it yet; vgimg paints it white.
func blank(wide, high vg.Length) *image.RGBA {
	pixels := func(l vg.Length) int { return int(l.Dots(dotsPerIn) + 0.5) }
	size := image.Rect(0, 0, pixels(wide), pixels(high))
	n := 4 * size.Dx() * size.Dy()
	pix := *blanks.Get().(*[]byte)
	return &image.RGBA{Pix: slices.Grow(pix[:0], n)[:n], Stride: 4 * size.Dx(), Rect: size}
}

// row draws one row of the legend below y.
func (p pen) row(entries []entry, y, high vg.Length) {
	x := vg.Length(margin)
	for _, e := range entries {
		left := x
		if e.thumb != nil {
			const inset = 3
			e.thumb(pen{draw.Canvas{Canvas: p.Canvas, Rectangle: vg.Rectangle{
				Min: vg.Point{X: x, Y: y - high + inset},
				Max: vg.Point{X: x + thumbWide - 5, Y: y - inset},
			}}})
			left += thumbWide
		}
		st := e.style
		st.YAlign = draw.YCenter
		p.FillText(st, vg.Point{X: left, Y: y - high/2 + st.Font.Size*0.1}, e.words)
		x += e.width
	}
}

// grid draws the panels so that their axes line up.
func (s *sheet) grid(c draw.Canvas) {
	tiles := draw.Tiles{Rows: s.rows(), Cols: s.cols, PadX: 12, PadTop: 4, PadBottom: 4, PadY: 6}
	plots := make([][]*plot.Plot, tiles.Rows)
	for r := range plots {
		plots[r] = make([]*plot.Plot, tiles.Cols)
	}
	left := vg.Length(0)
	for i, p := range s.panels {
		plots[i/s.cols][i%s.cols] = p.Plot
		left = max(left, p.overhang)
	}
	for r, row := range plot.Align(plots, tiles, draw.Crop(c, left, 0, 0, 0)) {
		for i, tile := range row {
			if p := plots[r][i]; p != nil {
				p.Draw(tile)
			}
		}
	}
}
