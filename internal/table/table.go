package table

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// Table is a table under construction.
type Table struct {
	header []string
	rows   [][]string
}

// New starts a table. Units belong into the header: "throughput (req/s)".
func New(header ...string) *Table { return &Table{header: header} }

// Add appends a row. It panics when the cells do not match the header.
func (t *Table) Add(cells ...string) {
	if len(cells) != len(t.header) {
		panic(fmt.Sprintf("table: %d cells for %d columns", len(cells), len(t.header)))
	}
	t.rows = append(t.rows, cells)
}

// Len is the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// String renders the table in Markdown, each line ended by a newline. Columns
// of numbers are aligned to the right.
func (t *Table) String() string {
	align := make(tw.Alignment, len(t.header))
	for i := range align {
		align[i] = t.alignment(i)
	}
	off := tw.CellFormatting{AutoFormat: tw.Off, AutoWrap: tw.WrapNone}
	w := writers.Get().(*writer)
	defer writers.Put(w)
	w.text.Reset()
	w.Reset()
	w.Options(tablewriter.WithConfig(tablewriter.Config{
		Header: tw.CellConfig{Formatting: off, Alignment: tw.CellAlignment{PerColumn: align}},
		Row:    tw.CellConfig{Formatting: off, Alignment: tw.CellAlignment{PerColumn: align}},
	}))
	w.Header(escaped(t.header))
	for _, row := range t.rows {
		if err := w.Append(escaped(row)); err != nil {
			panic(err) // the number of cells was checked
		}
	}
	if err := w.Render(); err != nil {
		panic(err) // a buffer takes everything
	}
	return w.text.String()
}

// writer is a tablewriter that is used again: a new one makes room for ten thousand
// types of cells that print themselves, 0.45 MB, and a report has hundreds.
type writer struct {
	*tablewriter.Table
	text bytes.Buffer
}

var writers = sync.Pool{New: func() any {
	w := &writer{}
	w.Table = tablewriter.NewTable(&w.text, tablewriter.WithRenderer(renderer.NewMarkdown()),
		tablewriter.WithStringerCacheCustom(noTypes{}))
	return w
}}

// noTypes keeps nothing: all cells are strings.
type noTypes struct{}

func (noTypes) Add(reflect.Type, reflect.Value) (evicted bool) { return false }
func (noTypes) Get(reflect.Type) (v reflect.Value, ok bool)    { return v, false }
func (noTypes) Purge()                                         {}

// Within renders the table as several ones below each other where it would be wider
// than a screen: each has the first columns, by which rows are told apart, and as
// many of the others as fit.
func (t *Table) Within(width, first int) string {
	wide := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range escaped(row) {
			wide[i] = max(wide[i], utf8.RuneCountInString(cell))
		}
	}
	const frame = 3
	var out []string
	for from, to := first, first; from < len(t.header); from = to {
		used := 1
		for _, w := range wide[:first] {
			used += w + frame
		}
		for ; to < len(t.header) && (to == from || used+wide[to]+frame <= width); to++ {
			used += wide[to] + frame
		}
		part := New(slices.Concat(t.header[:first], t.header[from:to])...)
		for _, row := range t.rows {
			part.Add(slices.Concat(row[:first], row[from:to])...)
		}
		out = append(out, part.String())
	}
	return strings.Join(out, "\n")
}

// alignment looks at what a column holds: numbers, perhaps with gaps that say
// why in parentheses, are aligned to the right.
func (t *Table) alignment(column int) tw.Align {
	numbers := false
	for _, row := range t.rows {
		switch cell := strings.TrimPrefix(row[column], "-"); {
		case cell == "" || cell[0] == '(':
		case cell[0] >= '0' && cell[0] <= '9' && number(cell):
			numbers = true
		default:
			return tw.AlignLeft
		}
	}
	if numbers {
		return tw.AlignRight
	}
	return tw.AlignLeft
}

// number reports whether a cell begins with a number or a duration; a name may begin
// with digits, too.
func number(cell string) bool {
	word, _, _ := strings.Cut(cell, " ")
	_, err := strconv.ParseFloat(strings.TrimRight(word, "%†"), 64)
	_, also := time.ParseDuration(word)
	return err == nil || also == nil
}

// escaped keeps cells within their column and on their line.
func escaped(cells []string) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = strings.ReplaceAll(strings.Join(strings.Fields(c), " "), "|", `\|`)
	}
	return out
}

// Text makes a text that came from elsewhere (an error, a level, a flag) plain
// text in Markdown: nothing in it is markup. Bars are left to the table.
func Text(s string) string {
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		switch {
		case r == '\n' || r == '\r':
			b.WriteByte(' ')
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case strings.ContainsRune("\\`*[]~", r) || r == '_' && !within(runes, i):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// within reports whether letters or digits stand on both sides: there, an
// underscore is no markup.
func within(runes []rune, i int) bool {
	word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	return i > 0 && i+1 < len(runes) && word(runes[i-1]) && word(runes[i+1])
}
