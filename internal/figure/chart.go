package figure

import (
	"fmt"
	"io"
	"math"
	"strings"

	"dyno/internal/record"
)

// Chart is what one PNG shows.
type Chart struct {
	Kind   string // the name of one of [Kinds]
	Title  string
	X, Y   Axis
	Legend string // what the series are, for example "policy"
	Panels []Panel
	Notes  []string // small print under the panels
}

// Axis is an axis with its unit, for example "throughput (req/s)".
type Axis struct {
	Label string
	Log   bool // bars, marks and lines only show positive values; others are named at the axis
}

// Panel is one set of axes. All panels of a chart share the range of Y.
type Panel struct {
	Title      string    // for example "clients = 10"; empty when there is one panel
	Categories []string  // labels along X
	X          []float64 // where the categories stand; nil: side by side
	Series     []Series
	Bands      []Band // behind the data, where X is given
}

// Band is a stretch of the x axis that has a name.
type Band struct {
	Name     string
	From, To float64
}

// Series is a colour: one point per category.
type Series struct {
	Name   string
	Color  int // index into the palette, from 0; [Neutral] when colour means nothing
	Points []Point
}

// Neutral is the colour of a series that stands for no level.
const Neutral = -1

// Point is one value with its interval; Lo = Hi = Y when there is none.
type Point struct {
	Y, Lo, Hi float64
	Bare      bool     // the whisker is a range: drawn without caps
	Missing   string   // why there is no value, for example "not measured"; written into the gap
	Absent    bool     // never planned: a gap without a word
	Theory    *float64 // what theory expects here, drawn as a black dash
	Cell      int      // number of the cell that it is of, for drawings that can be asked; 0: of none
}

func (p *Point) drawn() bool { return p.Missing == "" && !p.Absent }

// Kind is a way of drawing.
type Kind struct {
	Name string
	Help string      // one line
	Of   record.Kind // what it shows: scalars (and quantiles), vectors, or series

	columns func(*Chart) int // panels side by side
	prepare func(*panelPlot) // sets up the x axis and adds plotters
	thumb   func(pen, Series)
	zero    bool // the y axis starts at 0
	names   bool // bands have names, above the data
}

// Kinds lists every kind of chart.
var Kinds = []Kind{bars, lines, members, timeline}

// Lookup finds a kind by name.
func Lookup(name string) (Kind, bool) {
	for _, k := range Kinds {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// Draw writes a chart as PNG. It refuses charts that are not well formed:
// unknown kind, no panel, points that do not match their categories, values
// that are not finite, intervals that miss their value.
func Draw(w io.Writer, c Chart) error {
	kind, ok := Lookup(c.Kind)
	if !ok {
		var names []string
		for _, k := range Kinds {
			names = append(names, k.Name)
		}
		return fmt.Errorf("figure %q: kind %q is not one of %s", c.Title, c.Kind, strings.Join(names, ", "))
	}
	if err := c.conform(); err != nil {
		return fmt.Errorf("figure %q: %w", c.Title, err)
	}
	c = c.legible()
	return newSheet(kind, &c).write(w)
}

func (c *Chart) conform() error {
	if len(c.Panels) == 0 {
		return fmt.Errorf("no panel")
	}
	for _, p := range c.Panels {
		if len(p.Categories) == 0 || len(p.Series) == 0 {
			return fmt.Errorf("panel %q is empty", p.Title)
		}
		if p.X != nil && len(p.X) != len(p.Categories) {
			return fmt.Errorf("panel %q: %d positions for %d categories", p.Title, len(p.X), len(p.Categories))
		}
		if !finite(p.X...) {
			return fmt.Errorf("panel %q: a position is not finite: %v", p.Title, p.X)
		}
		for _, b := range p.Bands {
			if !finite(b.From, b.To) || b.From > b.To {
				return fmt.Errorf("panel %q: band %q is from %v to %v", p.Title, b.Name, b.From, b.To)
			}
		}
		for _, s := range p.Series {
			if len(s.Points) != len(p.Categories) {
				return fmt.Errorf("panel %q, series %q: %d points for %d categories", p.Title, s.Name, len(s.Points), len(p.Categories))
			}
			for i := range s.Points {
				if err := s.Points[i].conform(); err != nil {
					return fmt.Errorf("panel %q, series %q, %s: %w", p.Title, s.Name, p.Categories[i], err)
				}
			}
		}
	}
	return nil
}

func (p *Point) conform() error {
	if p.Theory != nil && !finite(*p.Theory) {
		return fmt.Errorf("theory %v is not finite", *p.Theory)
	}
	if !p.drawn() {
		return nil
	}
	if !finite(p.Y, p.Lo, p.Hi) {
		return fmt.Errorf("%v [%v, %v] is not finite", p.Y, p.Lo, p.Hi)
	}
	if p.Lo > p.Y || p.Hi < p.Y {
		return fmt.Errorf("[%v, %v] does not contain %v", p.Lo, p.Hi, p.Y)
	}
	return nil
}

// finite also refuses numbers so large that the width of an axis would
// overflow.
func finite(xs ...float64) bool {
	const huge = 1e300
	for _, x := range xs {
		if math.IsNaN(x) || math.Abs(x) > huge {
			return false
		}
	}
	return true
}

// each calls f for every point of the chart.
func (c *Chart) each(f func(*Point)) {
	for _, p := range c.Panels {
		for _, s := range p.Series {
			for i := range s.Points {
				f(&s.Points[i])
			}
		}
	}
}

// some reports whether a point of the chart is so.
func (c *Chart) some(so func(*Point) bool) bool {
	found := false
	c.each(func(p *Point) { found = found || so(p) })
	return found
}

// hasTheory reports whether any point carries a theory value.
func (c *Chart) hasTheory() bool { return c.some(func(p *Point) bool { return p.Theory != nil }) }
