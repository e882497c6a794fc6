package table

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/clipperhouse/displaywidth"
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
	lines := [][]string{escaped(t.header)}
	for _, row := range t.rows {
		lines = append(lines, escaped(row))
	}
	full := make([]strings.Builder, len(lines))
	rule := ""
	for i := range t.header {
		wide, numbers := 0, t.numeric(i)
		for _, cells := range lines {
			wide = max(wide, displaywidth.String(cells[i]))
		}
		for n, cells := range lines {
			cell, blank := cells[i], strings.Repeat(" ", wide-displaywidth.String(cells[i]))
			if numbers {
				cell, blank = blank, cell
			}
			full[n].WriteString("| " + cell + blank + " ")
		}
		dashes := strings.Repeat("-", wide+1)
		if numbers {
			rule += "|" + dashes + ":"
		} else {
			rule += "|:" + dashes
		}
	}
	out := full[0].String() + "|\n" + rule + "|\n"
	for i := range t.rows {
		out += full[i+1].String() + "|\n"
	}
	return out
}

// numeric says whether a column holds numbers, perhaps with gaps that say why in
// parentheses.
func (t *Table) numeric(column int) (numbers bool) {
	for _, row := range t.rows {
		switch cell := strings.TrimPrefix(row[column], "-"); {
		case cell == "" || cell[0] == '(':
		case cell[0] >= '0' && cell[0] <= '9':
			numbers = true
		default:
			return false
		}
	}
	return numbers
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
