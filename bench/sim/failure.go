package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Failure is what a [Hunt] found. The world with Seed and Shrunk.Faults fails
// with Shrunk.Err, that with the Original schedule with OriginalErr.
type Failure struct {
	Seed        uint64
	Original    Schedule
	OriginalErr error
	Shrunk      Shrunk
	Trace       []byte // of the shrunken run, up to Limits.Trace
	Record      Record // of the same, for a Timeline
	Replay      string // the command that runs the seed again

	// Page is the file with its [Timeline], and Inevitable since when there was no
	// way out, if the environment names a folder for such pages.
	Page       string
	Inevitable *Inevitable
}

// TimelinesVar names a folder in the environment into which a hunt puts a
// [Timeline] of the failure that it finds.
const TimelinesVar = "DYNO_TIMELINES"

// draw makes the page of a failure, for people who want one.
func (h Hunt) draw(ctx context.Context, f *Failure) error {
	dir := os.Getenv(TimelinesVar)
	if dir == "" {
		return nil
	}
	var err error
	if f.Inevitable, err = h.Inevitable(ctx, f, 0); err != nil {
		return err
	}
	page, err := os.Create(filepath.Join(dir, fmt.Sprintf("seed-%d.html", f.Seed)))
	if err != nil {
		return fmt.Errorf("sim: %s: %w", TimelinesVar, err)
	}
	f.Page = page.Name()
	title := fmt.Sprintf("Seed %d: %v", f.Seed, f.Inevitable)
	return errors.Join(Timeline(page, title, f.Record), page.Close())
}

// tail is how many lines of the trace a message shows.
const tail = 20

// String says all that is needed to see the failure again.
func (f *Failure) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d fails: %v\n", f.Seed, f.Shrunk.Err)
	minimal := "minimal"
	if !f.Shrunk.Minimal {
		minimal = "perhaps not minimal"
	}
	fmt.Fprintf(&b, "%d of %d faults are needed (%d runs, %s):\n", len(f.Shrunk.Faults), len(f.Original), f.Shrunk.Runs, minimal)
	b.WriteString(indent(f.Shrunk.Faults.String()))
	fmt.Fprintf(&b, "as drawn, it failed with: %v\n", f.OriginalErr)
	b.WriteString(indent(f.Original.String()))
	if f.Replay != "" {
		fmt.Fprintf(&b, "replay: %s\n", f.Replay)
	}
	if f.Page != "" {
		fmt.Fprintf(&b, "timeline: %s\n%v\n", f.Page, f.Inevitable)
	} else {
		fmt.Fprintf(&b, "timeline: run it with %s=DIR\n", TimelinesVar)
	}
	lines := bytes.SplitAfter(f.Trace, []byte("\n"))
	if skip := len(lines) - 1 - tail; skip > 0 {
		lines = lines[skip:]
	}
	fmt.Fprintf(&b, "the trace ends with:\n%s", indent(string(bytes.Join(lines, nil))))
	return b.String()
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("  " + line)
	}
	return b.String()
}
