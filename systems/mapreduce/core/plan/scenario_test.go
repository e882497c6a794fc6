package plan

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite what the scenarios in testdata say comes out")

// TestScenarios plays the scripts in testdata. A line is a time and an input;
// indented lines below it are what comes out, and are rewritten by -update.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := play(string(want))
			if err != nil {
				t.Fatal(err)
			}
			if got == string(want) {
				return
			}
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("the script says\n%s\nbut the planner does\n%s", want, got)
		})
	}
}

// script is a scenario being played.
type script struct {
	cfg     Config
	planner *Planner
	journal []Record
	out     strings.Builder
}

func play(text string) (string, error) {
	s := &script{cfg: Config{
		Survives: true, Lease: time.Second, Backups: true, Quiet: 200 * time.Millisecond, Slow: 2, MinAge: 100 * time.Millisecond,
		Failures: 3, Skips: 2, Losses: 3,
	}}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "\t") {
			continue
		}
		s.out.WriteString(line)
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		if err := s.do(words); err != nil {
			return "", fmt.Errorf("%q: %w", strings.TrimSpace(line), err)
		}
	}
	return s.out.String(), nil
}

func (s *script) do(words []string) (err error) {
	switch words[0] {
	case "job":
		return s.job(words[1:])
	case "restart": // a new planner from the records
		s.cfg.First += 1000
		if s.planner, err = New(s.cfg, s.journal); err == nil {
			fmt.Fprintf(&s.out, "\tleft: %d map, %d reduce\n", s.planner.Left(Map), s.planner.Left(Reduce))
		}
		return err
	case "counters":
		fmt.Fprintf(&s.out, "\t%+v\n", s.planner.Counters())
		return nil
	case "workers":
		at, err := time.ParseDuration(words[1])
		for _, w := range s.planner.Workers(at) {
			fmt.Fprintf(&s.out, "\t%s silent %v suspected %t", w.Name, w.Silence, w.Suspected)
			if w.Task != nil {
				fmt.Fprintf(&s.out, ": %v, attempt %d, for %v", w.Task.Task, w.Task.Attempt, w.Task.Age)
			}
			s.out.WriteString("\n")
		}
		return err
	}
	at, err := time.ParseDuration(words[0])
	if err != nil {
		return err
	}
	in, err := s.input(words[1:])
	if err != nil {
		return err
	}
	for _, o := range s.planner.Step(at, in) {
		s.show(o)
	}
	return nil
}

// job reads for example "job maps=2 reduces=1 survives=false".
func (s *script) job(words []string) (err error) {
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		switch name {
		case "maps":
			s.cfg.Maps, err = strconv.Atoi(value)
		case "reduces":
			s.cfg.Reduces, err = strconv.Atoi(value)
		case "survives":
			s.cfg.Survives = value == "true"
		case "backups":
			s.cfg.Backups = value == "true"
		default:
			err = fmt.Errorf("%q is no setting", name)
		}
		if err != nil {
			return err
		}
	}
	s.planner, err = New(s.cfg, nil)
	return err
}

// input reads "join w", "ask w 1", "beat w", "done w 1", "fail w 1 why",
// "crash w 1 record", "lost w 1 map…", "leave w" and "tick".
func (s *script) input(words []string) (Input, error) {
	if len(words) == 1 && words[0] == "tick" {
		return Tick{}, nil
	}
	if len(words) < 2 {
		return nil, fmt.Errorf("%q is no input", words)
	}
	w, n := words[1], uint64(0)
	if len(words) > 2 {
		var err error
		if n, err = strconv.ParseUint(words[2], 10, 64); err != nil {
			return nil, err
		}
	}
	rest := words[min(3, len(words)):]
	switch words[0] {
	case "join":
		return Join{w}, nil
	case "ask":
		return Ask{w, n}, nil
	case "beat":
		return Beat{w}, nil
	case "done":
		return Done{w, Attempt(n), []byte(w)}, nil
	case "fail":
		return Failed{Worker: w, Attempt: Attempt(n), Reason: strings.Join(rest, " ")}, nil
	case "crash":
		return Failed{Worker: w, Attempt: Attempt(n), Reason: "panic", Record: rest[0]}, nil
	case "lost":
		f := Failed{Worker: w, Attempt: Attempt(n), Reason: "not found"}
		for _, x := range rest {
			i, err := strconv.Atoi(x)
			if err != nil {
				return nil, err
			}
			f.Lost = append(f.Lost, s.planner.Sources(f.Attempt)[i])
		}
		return f, nil
	case "leave":
		return Leave{w}, nil
	}
	return nil, fmt.Errorf("%q is no input", words)
}

func (s *script) show(o Output) {
	switch o := o.(type) {
	case Assign:
		fmt.Fprintf(&s.out, "\t%s: %v, attempt %d", o.Worker, o.Task, o.Attempt)
		if o.Backup {
			s.out.WriteString(", a backup")
		}
		if len(o.Skip) > 0 {
			fmt.Fprintf(&s.out, ", skip %v", o.Skip)
		}
		for _, x := range o.Sources {
			fmt.Fprintf(&s.out, ", %d by %d", x.Map, x.Attempt)
		}
		s.out.WriteString("\n")
	case Cancel:
		fmt.Fprintf(&s.out, "\t%s: stop attempt %d\n", o.Worker, o.Attempt)
	case Write:
		s.journal = append(s.journal, o.Record)
		fmt.Fprintf(&s.out, "\tjournal: kind %d, %v, attempt %d %s%s\n", o.Record.Kind, o.Record.Task, o.Record.Attempt, o.Record.Worker, o.Record.Record)
	case Finish:
		s.out.WriteString("\tfinished\n")
	case Abort:
		fmt.Fprintf(&s.out, "\taborted: %s\n", o.Reason)
	}
}
