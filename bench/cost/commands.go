package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// commands are rows of what people type and wait for. They are not held against
// anything but the number allowed.
var commands = []row{
	{"report-10k", "s", 1.5, 0, benchmark("./internal/cli", "TenThousandReported", "s", 1, once)},
	{"report-10k-peak", "MiB", 150, 0, benchmark("./internal/cli", "TenThousandReported", "MiB", 1, once)},
	{"found-10k", "s", 1, 0, benchmark("./internal/cli", "TenThousandFound", "s", 1, once)},
	{"found-10k-peak", "MiB", 150, 0, benchmark("./internal/cli", "TenThousandFound", "MiB", 1, once)},
	{"report-committed", "s", 1.2, 2.75, timed(1, func(dir string) ([]string, error) {
		return []string{"report", "--out", dir}, os.CopyFS(filepath.Join(dir, "results"), os.DirFS("results"))
	})},
	{"pick-10000", "ns", 200, 0, benchmark("./systems/lookaside/core/balancer", "Pick/policy=least_reported/servers=10000", "ns/op", 1, "1s")},
	{"job-of-a-line", "ms", 60, 143, timed(1e3, func(dir string) ([]string, error) {
		text := filepath.Join(dir, "line.txt")
		return []string{"mapreduce", "run", "wordcount", "--reduces", "1", "--out", filepath.Join(dir, "out"), text},
			os.WriteFile(text, []byte("the quick brown fox\n"), 0o600)
	})},
	{"quick", "s", 30, 47, timed(1, func(dir string) ([]string, error) {
		return []string{"run", "--scale", "quick", "--out", dir}, nil
	})},
}

const once = "1x"

// benchmark runs one of Go's for a time, with further flags, and returns the figure
// that has a unit, times scale.
func benchmark(
	pkg, name, unit string, scale float64, length string, flags ...string,
) func(context.Context, programs, int) (float64, error) {
	figure := regexp.MustCompile(`(?m)^Benchmark\S+\s.*?\s([0-9.e+]+) ` + regexp.QuoteMeta(unit) + `(\s|$)`)
	args := append([]string{
		"test", pkg, "-run", "^$", "-benchtime", length, "-bench", "^Benchmark" + strings.ReplaceAll(name, "/", "$/^") + "$",
	}, flags...)
	return func(ctx context.Context, _ programs, _ int) (float64, error) {
		out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("go %q: %w\n%s", args, err, out)
		}
		m := figure.FindSubmatch(out)
		if m == nil {
			return 0, fmt.Errorf("no %s in what go %q says:\n%s", unit, args, out)
		}
		v, err := strconv.ParseFloat(string(m[1]), 64)
		return v * scale, err
	}
}

// timed runs dyno with the arguments that prepare names, in a folder of its own,
// and returns how long it took, in seconds times scale.
func timed(scale float64, prepare func(dir string) ([]string, error)) func(context.Context, programs, int) (float64, error) {
	return func(ctx context.Context, p programs, _ int) (float64, error) {
		dir, err := os.MkdirTemp("", "dyno-cost")
		if err != nil {
			return 0, err
		}
		defer os.RemoveAll(dir)
		args, err := prepare(dir)
		if err != nil {
			return 0, err
		}
		began := time.Now()
		if out, err := exec.CommandContext(ctx, p.dyno, args...).CombinedOutput(); err != nil {
			return 0, fmt.Errorf("%s %q: %w\n%s", p.dyno, args, err, out)
		}
		return time.Since(began).Seconds() * scale, nil
	}
}
