package ladder

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"dyno/internal/table"
)

// marks show a status in one column.
var marks = map[Status]string{Holds: "✓", Broken: "✗", Unproved: "?", Absent: "-", NotReached: " "}

// Line is a rung in one line.
func (r Result) Line() string {
	switch {
	case r.Status == NotReached:
		return fmt.Sprintf("%s %-13s", marks[r.Status], r.Name)
	case r.Status == Holds:
		return fmt.Sprintf("%s %-13s holds, %d facts examined, %.1f s", marks[r.Status], r.Name, r.Examined, r.Seconds)
	}
	return fmt.Sprintf("%s %-13s %s: %s", marks[r.Status], r.Name, r.Status, r.Promise)
}

// Why tells why a rung does not hold, a sentence or a command a line; nothing of
// one that does.
func (r Result) Why() []string {
	if r.Status == Holds || r.Status == NotReached {
		return nil
	}
	out := append([]string(nil), r.History...)
	out = append(out, r.Reasons...)
	if r.Diagram != "" {
		out = append(out, "picture: "+r.Diagram)
	}
	if r.Bundle != "" {
		out = append(out, "logs:    "+r.Bundle)
	}
	if r.Replay != "" {
		out = append(out, fmt.Sprintf("again:   %s (seed %d)", r.Replay, r.Seed))
	}
	return out
}

// Line is a cost in one line.
func (c Cost) Line() string {
	if c.Own == 0 {
		return fmt.Sprintf("%s %s %s", c.Metric, table.Value(c.Given), c.Unit)
	}
	return fmt.Sprintf("%s %s %s; dyno's own %s, ratio %s, %d blocks", c.Metric, table.Value(c.Given), c.Unit, table.Value(c.Own),
		table.Value(c.Ratio), c.Blocks)
}

// Summary is the score in one line.
func (c *Card) Summary() string {
	n, last := c.Reached()
	switch {
	case n == len(c.Rungs):
		return fmt.Sprintf("%s: all %d rungs hold, up to %s", c.System, n, last)
	case n == 0:
		return fmt.Sprintf("%s: no rung of %d holds; %s is the first", c.System, len(c.Rungs), c.Rungs[0].Name)
	}
	return fmt.Sprintf("%s: %d of %d rungs hold, up to %s; %s does not", c.System, n, len(c.Rungs), last, c.Rungs[n].Name)
}

// JSON writes the card as one object.
func (c *Card) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(c)
}

// Markdown writes the card for a page.
func (c *Card) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", c.Summary())
	for role, command := range c.Impl {
		fmt.Fprintf(&b, "`%s`: `%s`\n\n", role, command)
	}
	t := table.New("", "rung", "promise", "")
	for _, r := range c.Rungs {
		t.Add(marks[r.Status], r.Name, r.Promise, string(r.Status))
	}
	b.WriteString(t.String())
	for _, r := range c.Rungs {
		if why := r.Why(); len(why) > 0 {
			fmt.Fprintf(&b, "\n## %s: %s\n\n```text\n%s\n```\n", r.Name, r.Status, strings.Join(why, "\n"))
		}
		for i, cost := range r.Costs {
			if i == 0 {
				fmt.Fprintf(&b, "\n## %s\n\n", r.Name)
			}
			fmt.Fprintf(&b, "- %s\n", cost.Line())
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// What JUnit's XML has of a card: the part that CI services read.
type (
	suite struct {
		XMLName  xml.Name `xml:"testsuite"`
		Name     string   `xml:"name,attr"`
		Tests    int      `xml:"tests,attr"`
		Failures int      `xml:"failures,attr"`
		Skipped  int      `xml:"skipped,attr"`
		Time     string   `xml:"time,attr"`
		Started  string   `xml:"timestamp,attr"`
		Cases    []kase   `xml:"testcase"`
	}
	kase struct {
		Name    string   `xml:"name,attr"`
		Class   string   `xml:"classname,attr"`
		Time    string   `xml:"time,attr"`
		Failure *failure `xml:"failure"`
		Skipped *skipped `xml:"skipped"`
		Out     string   `xml:"system-out,omitempty"`
	}
	failure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	skipped struct {
		Message string `xml:"message,attr"`
	}
)

// JUnit writes the card as a test suite, a test a rung.
func (c *Card) JUnit(w io.Writer) error {
	s := suite{Name: "dyno check " + c.System, Tests: len(c.Rungs), Started: c.Started.Format("2006-01-02T15:04:05")}
	var total float64
	for _, r := range c.Rungs {
		k := kase{Name: r.Name, Class: "dyno." + c.System, Time: fmt.Sprintf("%.3f", r.Seconds), Out: r.Promise}
		total += r.Seconds
		switch r.Status {
		case Holds:
		case NotReached, Absent:
			s.Skipped++
			k.Skipped = &skipped{string(r.Status)}
		default:
			s.Failures++
			k.Failure = &failure{Message: r.Promise, Type: string(r.Status), Text: "\n" + strings.Join(r.Why(), "\n") + "\n"}
		}
		s.Cases = append(s.Cases, k)
	}
	s.Time = fmt.Sprintf("%.3f", total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
