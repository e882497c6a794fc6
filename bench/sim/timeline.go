package sim

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"
)

//go:embed timeline.html
var timelinePage string

// Timeline writes a page that shows a run: a lane per node, time downwards,
// messages as arrows, faults and syncs where they happened, and what broke. The
// page is one file that loads nothing. Where a run has more than maxShown
// moments its last ones are shown: that is where it fails.
func Timeline(w io.Writer, title string, r Record) error {
	l := layout(r)
	l.Title = title
	// Parsed here, not when the program starts: roles link this package too.
	if err := template.Must(template.New("timeline").Parse(timelinePage)).Execute(w, l); err != nil {
		return fmt.Errorf("timeline: %w", err)
	}
	return nil
}

// maxShown bounds the moments on a page.
const maxShown = 1500

// Sizes on the page, in pixels.
const (
	laneWidth = 220
	laneStart = 120
	rowHeight = 22
	topRow    = 50
)

type page struct {
	Title, Err    string
	Left          int // moments that are not shown
	Lanes         []lane
	Rows          []row
	Bands         []band
	Arrows        []arrowLine
	Marks         []mark
	Width, Height int
}

type lane struct {
	Name string
	X    int
}

// row is a moment's place: moments that are close together in time still get a
// line each, for order is what matters.
type row struct {
	Y    int
	Time string
}

type band struct {
	X, Y, Width, Height int
	Text                string
}

type arrowLine struct {
	X1, Y1, X2, Y2 int
	Lost           bool
	TextX, TextY   int
	Text           string
}

type mark struct {
	X, Y int
	What string
	Text string
}

// layout places what a record holds.
func layout(r Record) *page {
	p := &page{Err: r.Err}
	moments := r.Moments
	if p.Left = len(moments) - maxShown; p.Left > 0 {
		moments = moments[p.Left:]
	} else {
		p.Left = 0
	}
	for i, name := range r.Nodes {
		p.Lanes = append(p.Lanes, lane{name, laneX(ID(i))})
	}
	d := drawing{page: p, sends: map[uint64]place{}, faults: map[string]place{}}
	for _, m := range moments {
		d.moment(m)
	}
	p.Width = laneStart + laneWidth*max(len(r.Nodes), 1)
	p.Height = d.y(len(p.Rows)) + 2*rowHeight
	for text, at := range d.faults { // those that were not over: to the end
		p.Bands = append(p.Bands, d.band(at, p.Height, text))
	}
	return p
}

func laneX(id ID) int { return laneStart + laneWidth/2 + laneWidth*int(id) }

type place struct {
	node ID
	y    int
	text string
}

// drawing is a page under way.
type drawing struct {
	*page
	last   time.Duration
	sends  map[uint64]place // messages under way
	faults map[string]place // in force, by their text
}

func (d *drawing) y(row int) int { return topRow + rowHeight*row }

// row begins a line for a moment and returns where.
func (d *drawing) row(at time.Duration) int {
	text := ""
	if at != d.last || len(d.Rows) == 0 {
		text = at.Round(time.Microsecond).String()
	}
	d.last = at
	y := d.y(len(d.Rows))
	d.Rows = append(d.Rows, row{y, text})
	return y
}

func (d *drawing) moment(m Moment) {
	y := d.row(m.At)
	switch m.What {
	case "send":
		d.sends[m.Number] = place{m.Node, y, m.Text}
		d.mark(m, y, "send", "")
	case "receive":
		d.arrow(m, y, false)
	case "lose":
		d.arrow(m, y, true)
	case "fault":
		d.faults[m.Text] = place{m.Node, y, m.Text}
		d.mark(m, y, "fault", m.Text)
	case "over":
		if at, ok := d.faults[m.Text]; ok {
			d.Bands = append(d.Bands, d.band(at, y, m.Text))
			delete(d.faults, m.Text)
		}
	case "synced":
		if m.Failed {
			d.mark(m, y, "fault", "sync failed")
		} else {
			d.mark(m, y, "sync", "synced")
		}
	default:
		d.mark(m, y, m.What, m.Text)
	}
}

// arrow ends a message. Of one that was sent before the page begins only the
// end is there.
func (d *drawing) arrow(m Moment, y int, lost bool) {
	from, ok := d.sends[m.Number]
	if !ok {
		d.mark(m, y, m.What, m.Text)
		return
	}
	a := arrowLine{X1: laneX(from.node), Y1: from.y, X2: laneX(m.Node), Y2: y, Lost: lost, Text: from.text}
	if lost {
		a.Text += " (" + m.Text + ")"
		a.X2 -= (a.X2 - a.X1) / 4
	}
	a.TextX, a.TextY = a.X1+(a.X2-a.X1)/3, a.Y1+(a.Y2-a.Y1)/3-3
	d.Arrows = append(d.Arrows, a)
}

func (d *drawing) mark(m Moment, y int, what, text string) {
	x := laneX(m.Node)
	if m.Node < 0 {
		x = laneStart
	}
	d.Marks = append(d.Marks, mark{x, y, what, text})
}

// band shows how long a fault was in force: on its node's lane or across all.
func (d *drawing) band(from place, until int, text string) band {
	b := band{X: laneX(from.node) - 12, Y: from.y, Width: 24, Height: max(until-from.y, 2), Text: text}
	if from.node < 0 {
		b.X, b.Width = laneStart, laneWidth*max(len(d.Lanes), 1)
	}
	return b
}
