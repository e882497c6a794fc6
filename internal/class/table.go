package class

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"dyno/internal/table"
)

func printable(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsPrint(r):
		return r
	}
	return '�'
}

// Line is a row in one line.
func (r Row) Line() string {
	text := fmt.Sprintf("%s: %d of %d rungs", line(r.Name), r.Rungs, r.Of)
	if r.Reached != "" {
		text += ", up to " + r.Reached
	}
	if r.Falls != "" {
		text += fmt.Sprintf("; %s: %s", r.Falls, r.Status)
	}
	if r.Why != "" {
		text += ": " + r.Why
	}
	return text
}

// Markdown is a table of all rows.
func Markdown(rows []Row) string {
	t := table.New("submission", "rungs", "up to", "falls at", "because", "s")
	for _, r := range rows {
		falls := r.Falls
		if r.Status != "" {
			falls = strings.TrimSpace(fmt.Sprintf("%s (%s)", r.Falls, r.Status))
		}
		t.Add(line(r.Name), fmt.Sprintf("%d of %d", r.Rungs, r.Of), r.Reached, falls, r.Why, strconv.FormatFloat(r.Seconds, 'f', 1, 64))
	}
	return t.String()
}
