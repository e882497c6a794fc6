package spacetime

import (
	"bytes"
	_ "embed"
	"fmt"
	"html"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"dyno/internal/record"
)

//go:embed style.svg
var style string

// Write draws a diagram as one SVG file that loads nothing. It is written without
// a template: the linker keeps every method of a program in which there is one,
// and roles link this package by way of their checks.
func Write(w io.Writer, d Diagram) error {
	if err := d.check(); err != nil {
		return err
	}
	var b bytes.Buffer
	layout(d).draw(&b)
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("%q: %w", d.Title, err)
	}
	return nil
}

// esc makes a text fit for XML: what it writes for quotes and brackets are
// numbers, or the names that XML knows.
func esc(text string) string { return html.EscapeString(text) }

func (p page) draw(b *bytes.Buffer) {
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" `+
		`font-family="Helvetica, Arial, sans-serif" font-size="13" role="img">`+"\n<title>%[3]s</title>\n%[4]s"+
		`<text class="head" x="16" y="26">%[3]s</text>`+"\n", p.Width, p.Height, esc(p.Title), style)
	for _, t := range p.Ticks {
		fmt.Fprintf(b, `<line class="tick" x1="%d" y1="%d" x2="%[1]d" y2="%[3]d"/>`+"\n"+
			`<text class="small" x="%[1]d" y="%[4]d" text-anchor="middle">%[5]s</text>`+"\n", t.X, p.Top, p.Bottom, p.TickY, esc(t.Text))
	}
	for _, a := range p.Bands {
		fmt.Fprintf(b, `<rect class="away" x="%d" y="%d" width="%d" height="24"/>`+"\n"+
			`<text class="small" x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", a.X, a.Y, a.Width, a.TextX, a.TextY, esc(a.Text))
	}
	for _, l := range p.Lines {
		fmt.Fprintf(b, `<line class="life" x1="%d" y1="%d" x2="%d" y2="%[2]d"/>`+"\n"+`<text x="16" y="%[4]d">%[5]s</text>`+"\n",
			p.Left, l.Y, p.Right, l.TextY, esc(l.Name))
	}
	for _, a := range p.Ways {
		a.draw(b)
	}
	for _, o := range p.Ops {
		o.draw(b)
	}
	for _, w := range p.Words {
		fmt.Fprintf(b, `<text x="16" y="%d">%s</text>`+"\n", w.Y, esc(w.Text))
	}
	b.WriteString("</svg>\n")
}

func (a way) draw(b *bytes.Buffer) {
	end := ` marker-end="url(#tip)"`
	if a.Lost {
		end = ""
		fmt.Fprintf(b, `<path class="lost" d="M%d %d l10 10 m0 -10 l-10 10"/>`+"\n", a.X2-5, a.Y2-5)
	}
	fmt.Fprintf(b, `<line class="way %s" x1="%d" y1="%d" x2="%d" y2="%d"%s/>`+"\n", a.Class, a.X1, a.Y1, a.X2, a.Y2, end)
	if a.Text != "" {
		fmt.Fprintf(b, `<text class="small" x="%d" y="%d">%s</text>`+"\n", a.TextX, a.TextY, esc(a.Text))
	}
}

func (o op) draw(b *bytes.Buffer) {
	fmt.Fprintf(b, `<line class="op %s" x1="%d" y1="%d" x2="%d" y2="%[3]d"/>`+"\n", o.Class, o.X1, o.Y, o.X2)
	class := ""
	if o.Broken {
		class = ` class="broken"`
	}
	fmt.Fprintf(b, `<text%s x="%d" y="%d">%s</text>`+"\n", class, o.X1, o.TextY, esc(o.Text))
	if o.Broken {
		fmt.Fprintf(b, `<circle class="ring broken" cx="%d" cy="%d" r="9"/>`+"\n", o.X2, o.Y)
	}
}

// Sizes, in pixels.
const (
	letter    = 7  // width of a letter, nearly
	gap       = 60 // from one moment to the next, at least
	lane      = 62 // from one process to the next
	top       = 62 // the first process's line
	wordsLine = 19
	textWidth = 720 // at least, so that sentences are no column of words
	leave     = 26  // how far a request has gone in time when it arrives
)

type page struct {
	Title                           string
	Width, Height                   int
	Top, Bottom, Left, Right, TickY int
	Ticks                           []tick
	Bands                           []band
	Lines                           []line
	Ways                            []way
	Ops                             []op
	Words                           []word
}

type tick struct {
	X    int
	Text string
}

type band struct {
	X, Y, Width, TextX, TextY int
	Text                      string
}

type line struct {
	Name     string
	Y, TextY int
}

type way struct {
	X1, Y1, X2, Y2, TextX, TextY int
	Class, Text                  string
	Lost                         bool
}

type op struct {
	X1, X2, Y, TextY int
	Class, Text      string
	Broken           bool
}

type word struct {
	Y    int
	Text string
}

func layout(d Diagram) page {
	p := page{Title: clean(d.Title), Top: top - 22, Left: 32}
	for i, name := range d.Processes {
		name = clean(name)
		p.Left = max(p.Left, 32+letter*len([]rune(name)))
		p.Lines = append(p.Lines, line{name, laneY(i), laneY(i) + 4})
	}
	p.Bottom = laneY(len(d.Processes)-1) + 22
	p.TickY = p.Bottom + 16
	at := place(&d, p.Left+20)
	moments := slices.Sorted(maps.Keys(at))
	for _, m := range moments {
		if text := d.label(m, moments[0]); text != "" {
			p.Ticks = append(p.Ticks, tick{at[m], text})
		}
		p.Right = max(p.Right, at[m]+24)
	}
	for _, a := range d.Absences {
		x, until := at[a.From], at[a.Until]
		p.Bands = append(p.Bands, band{x, laneY(a.Process) - 12, until - x, (x + until) / 2, laneY(a.Process) + 25, clean(a.Text)})
	}
	for _, m := range d.Messages {
		p.message(m, at[m.Sent], at[m.Received])
	}
	for _, c := range d.Calls {
		p.call(c, at[c.Begin], at[c.End])
	}
	p.Width = max(p.Right+24, 32+9*len([]rune(p.Title)), textWidth)
	for _, w := range d.Words {
		for _, text := range wrap(clean(w), (p.Width-32)/letter) {
			p.Words = append(p.Words, word{p.TickY + 28 + len(p.Words)*wordsLine, text})
			p.Width = max(p.Width, 32+letter*utf8.RuneCountInString(text))
		}
	}
	p.Height = p.TickY + 24 + len(p.Words)*wordsLine
	return p
}

func laneY(process int) int { return top + process*lane }

// call draws an operation on the line of who asked, and its two messages.
func (p *page) call(c Call, begin, end int) {
	class := c.Outcome.String()
	if c.Broken {
		class = "broken"
	}
	p.Right = max(p.Right, begin+letter*len([]rune(clean(c.Text)))) // a look at once has no width
	p.Ops = append(p.Ops, op{begin, end, laneY(c.From), laneY(c.From) - 11, class, clean(c.Text), c.Broken})
	if c.From == c.To {
		return
	}
	there := min(begin+leave, (begin+end)/2)
	p.Ways = append(p.Ways, arrow(begin, c.From, there, c.To, class, ""))
	if c.End != Never && (c.Outcome == record.OK || c.Outcome == record.Refused) {
		p.Ways = append(p.Ways, arrow(max(end-leave, there), c.To, end, c.From, class, ""))
	}
}

// message draws one; one that did not arrive ends half way.
func (p *page) message(m Message, sent, received int) {
	class := "ok"
	switch {
	case m.Broken:
		class = "broken"
	case m.Inferred:
		class = "inferred"
	}
	a := arrow(sent, m.From, received, m.To, class, clean(m.Text))
	if a.Lost = m.Received == Never; a.Lost {
		a.X2, a.Y2 = sent+gap/2, (a.Y1+a.Y2)/2
		a.TextX, a.TextY = a.X2+10, a.Y2+12
		if m.Inferred {
			a.TextY = a.Y2 - 4 // beside one that was seen
		}
	}
	p.Right = max(p.Right, a.TextX+letter*len([]rune(a.Text)))
	p.Ways = append(p.Ways, a)
}

// label is what stands below a moment.
func (d *Diagram) label(moment, first int64) string {
	switch {
	case d.Labels != nil:
		return clean(d.Labels[moment])
	case moment == Never:
		return ""
	}
	return since(moment - first)
}

func arrow(x1, from, x2, to int, class, text string) way {
	y1, y2 := laneY(from), laneY(to)
	return way{X1: x1, Y1: y1, X2: x2, Y2: y2, TextX: (x1+x2)/2 + 6, TextY: (y1 + y2) / 2, Class: class, Text: text}
}

// place gives each moment its x: in order, and so that what is written over a
// call has room above it.
func place(d *Diagram, left int) map[int64]int {
	type span struct {
		begin int64
		width int
	}
	ends := make(map[int64][]span)
	add := func(begin, end int64, text string) {
		ends[begin] = append(ends[begin], span{begin, 0})
		ends[end] = append(ends[end], span{begin, letter*len([]rune(clean(text))) + 12})
	}
	for _, c := range d.Calls {
		add(c.Begin, c.End, c.Text)
	}
	for _, m := range d.Messages {
		if m.Received == Never {
			m.Received = m.Sent // it takes no room in time
		}
		add(m.Sent, m.Received, m.Text)
	}
	for _, a := range d.Absences {
		add(a.From, a.Until, a.Text)
	}
	at := make(map[int64]int, len(ends))
	x := left - gap
	for _, moment := range slices.Sorted(maps.Keys(ends)) {
		x += gap
		for _, s := range ends[moment] {
			if begin, ok := at[s.begin]; ok {
				x = max(x, begin+s.width)
			}
		}
		at[moment] = x
	}
	return at
}

// since is a time as it stands below the picture.
func since(ns int64) string {
	return fmt.Sprintf("%.2f ms", float64(ns)/float64(time.Millisecond))
}

// clean leaves out what XML does not allow and what would not be seen.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, strings.ToValidUTF8(text, "�"))
}
