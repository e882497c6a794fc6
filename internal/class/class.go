// Package class checks a folder of submissions: each climbs a system's ladder in
// a room of its own, some at a time, and a table says who reached which rung.
package class

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"dyno/internal/confine"
	"dyno/internal/ladder"
	"dyno/systems"
)

const (
	firstUID = 61_000  // of submissions; nobody has these, as far as anybody knows
	cardSize = 8 << 20 // of what a check may say
	errSize  = 64 << 10
	// Place stands for a submission's folder in commands.
	Place = "{}"
)

// Options say what is checked and how.
type Options struct {
	System *systems.System
	Dir    string       // a folder with a folder for each submission
	Impl   systems.Impl // commands with Place in them
	Out    string       // where results go, a folder for each submission; absolute
	Exe    string       // dyno itself
	Jobs   int          // submissions at a time; 0: half the processors, for a check has clients too
	Time   time.Duration
	Limits confine.Limits // of each submission; UID, Room and Home are chosen for it
	Args   []string       // further flags of dyno check

	End func(Row) // a submission is done; nil: nobody wants to know
}

// Row is what became of a submission.
type Row struct {
	Name    string        `json:"name"`
	Rungs   int           `json:"rungs"`   // that hold, from the ground up
	Of      int           `json:"of"`      // that there are
	Reached string        `json:"reached"` // the last one that holds
	Falls   string        `json:"falls,omitempty"`
	Status  ladder.Status `json:"status,omitempty"` // of the rung that does not hold
	Why     string        `json:"why,omitempty"`    // in one line
	Seconds float64       `json:"seconds"`
	Card    string        `json:"card,omitempty"` // the file with the whole scorecard
}

// Run checks all submissions and returns a row for each, by name.
func Run(ctx context.Context, o Options) ([]Row, error) {
	entries, err := os.ReadDir(o.Dir)
	if err != nil {
		return nil, err
	}
	book, err := ladder.Read(o.System)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			rows = append(rows, Row{Name: e.Name(), Of: len(book.Ladder)})
		}
	}
	if len(rows) == 0 {
		return nil, systems.Usagef("%s has no folders: give one with a folder for each submission", o.Dir)
	}
	if o.Jobs == 0 {
		o.Jobs = max(1, runtime.NumCPU()/2)
	}
	errs := make([]error, len(rows))
	room := make(chan struct{}, o.Jobs)
	var all sync.WaitGroup
	var end sync.Mutex
	for i := range rows {
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			if errs[i] = o.check(ctx, &rows[i], i); errs[i] == nil && o.End != nil {
				end.Lock()
				defer end.Unlock()
				o.End(rows[i])
			}
		})
	}
	all.Wait()
	return rows, errors.Join(errs...)
}

// check checks one submission. An error is the machine's; what goes wrong with
// the submission is in its row.
func (o *Options) check(ctx context.Context, r *Row, number int) error {
	dir := filepath.Join(o.Out, r.Name)
	home := filepath.Join(dir, "home")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755), os.CopyFS(home, os.DirFS(filepath.Join(o.Dir, r.Name)))); err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	l := o.Limits
	l.Room, l.Home = dir, home
	if os.Getuid() == 0 {
		l.UID = firstUID + number
		if err := errors.Join(os.Chmod(home, 0o700), confine.Give(home, l.UID)); err != nil {
			return fmt.Errorf("%s: %w", r.Name, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, o.Time)
	defer cancel()
	cmd := confine.Command(ctx, o.Exe, []string{"confine", "begin", "--needs", strings.Join([]string{dir, o.Exe}, ","), "--"},
		o.command(l, dir)...)
	out, errOut := &limited{most: cardSize}, &limited{most: errSize}
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = dir, out, errOut, time.Second
	began := time.Now()
	err := confine.Run(cmd)
	r.Seconds = time.Since(began).Seconds()
	if unsupported := new(confine.ErrUnsupported); errors.As(err, &unsupported) {
		return err
	}
	if cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == confine.ExitUnsupported {
		return &confine.ErrUnsupported{Why: line(errOut.String())}
	}
	switch {
	case ctx.Err() == context.DeadlineExceeded:
		r.Status, r.Why = ladder.Broken, fmt.Sprintf("it was not done after %v", o.Time)
		r.Rungs, r.Reached = held(errOut.String())
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return o.read(r, err, dir, out, errOut)
}

// held counts the rungs that a check had said to hold before it was cut short.
func held(said string) (n int, last string) {
	for text := range strings.Lines(said) {
		name, holds := strings.CutPrefix(text, "✓ ")
		if !holds {
			break
		}
		n, last = n+1, strings.Fields(name)[0]
	}
	return n, last
}

// read reads the card that a check printed.
func (o *Options) read(r *Row, err error, dir string, out, errOut *limited) error {
	var card ladder.Card
	if jsonErr := json.Unmarshal(out.Bytes(), &card); jsonErr != nil {
		if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
			return fmt.Errorf("%s: %w", r.Name, err)
		}
		r.Status, r.Why = ladder.Unproved, line(fmt.Sprintf("dyno check failed (%v): %s", err, errOut))
		return nil
	}
	r.Card = filepath.Join(dir, "card.json")
	if err := os.WriteFile(r.Card, out.Bytes(), 0o644); err != nil {
		return err
	}
	r.Rungs, r.Reached = card.Reached()
	r.Of = len(card.Rungs)
	if r.Rungs < r.Of {
		at := card.Rungs[r.Rungs]
		r.Falls, r.Status = at.Name, at.Status
		r.Why = line(why(at))
	}
	return nil
}

// why is the one reason of several that says most: the story, else the last that
// is certain, and of a program that ended its last words.
func why(r ladder.Result) string {
	reasons := append(slices.Clone(r.History), r.Reasons...)
	if len(reasons) == 0 {
		return ""
	}
	for _, text := range slices.Backward(reasons) {
		if len(r.History) == 0 && strings.Contains(text, " is invalid: ") {
			return text
		}
	}
	first, _, cut := strings.Cut(reasons[0], " (") // how it was started is in the card
	if cut && len(reasons) > 1 {
		first += "; " + strings.TrimSpace(reasons[len(reasons)-1])
	}
	return first
}

// command is the check of one submission: dyno's own, which starts the commands
// of the submission within limits.
func (o *Options) command(l confine.Limits, dir string) []string {
	args := []string{o.Exe, "check", o.System.Name, "--json", "--out", filepath.Join(dir, "check")}
	for role, command := range o.Impl {
		inner := fmt.Sprintf("'%s' confine role --uid %d --memory %d --processes %d --file %d --room '%s' --home '%s' -- %s",
			o.Exe, l.UID, l.Memory, l.Processes, l.File, l.Room, l.Home, strings.ReplaceAll(command, Place, "'"+l.Home+"'"))
		args = append(args, "--impl", role+"="+inner)
	}
	return append(args, o.Args...)
}

// limited keeps the beginning of what is written to it.
type limited struct {
	bytes.Buffer
	most int
}

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	l.Buffer.Write(p[:min(len(p), max(0, l.most-l.Len()))])
	return len(p), nil
}

// line is a text in one line that a terminal and a table can show.
func line(text string) string {
	const most = 200
	text = strings.Join(strings.Fields(strings.Map(printable, text)), " ")
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
