// Command cost measures what dyno's parts cost beside what they are held against,
// in turns, and says for each row the median of the ratios (or values), their
// range, and what is allowed:
//
//	make build && go run ./bench/cost            every row, ten times
//	go run ./bench/cost -rows 'closed|open' -n 20
//	go run ./bench/cost -beside ../old/bin/dyno  the rows that another build can be asked, as ratios to it
//
// From six times on the range is an interval of 97 % of the median. Run it on a
// machine that has nothing else to do; it prints the load that it met. What an
// experiment can measure is one: see lb-overhead for the rest of the look-aside balancer,
// and mr-index.yaml beside this file for the inverted index of 256 MB.
//
// Our generator collects no garbage in windows as short as these and occupies up to
// 600 MiB (package driver); the loop written by hand has Go's defaults, as users'
// loops have.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// row is one line of the table.
type row struct {
	name   string
	unit   string // ×: a ratio of two sides
	atMost float64
	was    float64 // when atMost was set, on the machine of then; 0: another build cannot be asked
	// measure measures both sides once, in an order that changes with turn, and
	// returns their ratio; or a value.
	measure func(ctx context.Context, p programs, turn int) (float64, error)
}

// programs are the paths of what is measured.
type programs struct{ dyno, role, hand string }

func main() {
	n := flag.Int("n", 10, "how often each row is measured")
	only := flag.String("rows", ".", "regular expression that rows' names match")
	dyno := flag.String("dyno", "bin/dyno", "the dyno binary; its slim program lies beside it")
	beside := flag.String("beside", "", "another build's `DYNO`: machines differ, ratios to it less")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *dyno, *beside, regexp.MustCompile(*only), *n); err != nil {
		stop()
		log.Fatal(err)
	}
}

func run(ctx context.Context, dyno, beside string, only *regexp.Regexp, n int) error {
	dir, err := os.MkdirTemp("", "dyno-cost")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p := programs{dyno: dyno, role: dyno + "-role", hand: filepath.Join(dir, "hand")}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", p.hand, "./systems/echo/hand")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program to compare with: %w\n%s", err, out)
	}
	load, _ := os.ReadFile("/proc/loadavg") // elsewhere it is not known
	fmt.Printf("load average %s\n%-16s %8s %18s %4s %8s\n", strings.TrimSpace(string(load)), "row", "median", "range", "n", "at most")
	for _, r := range slices.Concat(rows, commands) {
		if !only.MatchString(r.name) || beside != "" && r.was == 0 {
			continue
		}
		if beside != "" {
			r = r.beside(programs{dyno: beside, role: beside, hand: p.hand})
		}
		values := make([]float64, n)
		for i := range values {
			if values[i], err = r.measure(ctx, p, i); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
		}
		slices.Sort(values)
		median := (values[(n-1)/2] + values[n/2]) / 2
		fmt.Printf("%-16s %8.3f %8.3f–%-9.3f %4d %8.3g %s\n", r.name, median, values[0], values[n-1], n, r.atMost, r.unit)
	}
	return nil
}

// beside is the row as a ratio to another build, which is measured in turns. Where that
// has no slim program it runs roles itself.
func (r row) beside(other programs) row {
	if _, err := os.Stat(other.dyno + "-role"); err == nil {
		other.role = other.dyno + "-role"
	}
	measure := r.measure
	r.unit, r.atMost = "× the other build", r.atMost/r.was
	r.measure = func(ctx context.Context, p programs, turn int) (float64, error) {
		sides, figures := [2]programs{p, other}, [2]float64{}
		for i := range sides {
			side := (i + turn) % 2
			figure, err := measure(ctx, sides[side], turn)
			if err != nil {
				return 0, err
			}
			figures[side] = figure
		}
		return figures[0] / figures[1], nil
	}
	return r
}
