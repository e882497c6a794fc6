package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
)

var rows = []row{
	{"role-start", "ms CPU", 12, 40, func(ctx context.Context, p programs, _ int) (float64, error) {
		s, err := idle(ctx, p.role)
		return s.cpuMs, err
	}},
	{"role-memory", "MiB", 16, 43.5, func(ctx context.Context, p programs, _ int) (float64, error) {
		s, err := idle(ctx, p.role)
		return s.residentMiB, err
	}},
	{"closed-1", "×", 1.10, 0, generator(told.perCall, "--clients", "1")},
	{"closed-8", "×", 1.10, 0, generator(told.perCall, "--clients", "8")},
	{"open-5k", "×", 1.15, 0, generator(told.perCall, "--rate", "5000")},
	{"open-10k", "×", 1.2, 0, generator(told.perCall, "--rate", "10000")},
	{"open-20k", "×", 1.3, 0, generator(told.perCall, "--rate", "20000")},
	{"lateness-10k/hand", "×", 1, 0, generator(told.late, "--rate", "10000", "--lateness")},
	{"lateness-20k/hand", "×", 1, 0, generator(told.late, "--rate", "20000", "--lateness")},
	// Both sides live in one process, a turn of some tens of milliseconds each: trials of
	// the experiment lb-overhead lie seconds apart, and machines drift in between.
	{"list-100/grpc", "×", 1.03, 0, benchmark("./systems/lookaside/lookasidegrpc", "BesideGRPC/list/clients=100", "×", 1, "60x", "-cpu", "1")},
	{"lateness-20k", "ms p99", 3, 0, lateness(20_000)},
	{"missed-25k", "1", 0.02, 0, func(ctx context.Context, p programs, turn int) (float64, error) {
		sent, _, err := paced(ctx, p, 25_000)
		return 1 - sent/25_000, err
	}},
}

// idle starts an echo server and looks at it when it is ready.
func idle(ctx context.Context, program string) (usage, error) {
	s, err := serve(ctx, program)
	if err != nil {
		return usage{}, err
	}
	defer s.stop()
	time.Sleep(50 * time.Millisecond) // what it does after it is ready is part of starting
	return s.usage()
}

// generator is a figure of our generator beside that of one written by hand. Both
// load the same server, one after the other. An open loop that sends several requests
// at once, late, has cheaper ones: the rows of lateness say whether ours is such.
func generator(figure func(told) float64, flags ...string) func(context.Context, programs, int) (float64, error) {
	return func(ctx context.Context, p programs, turn int) (float64, error) {
		s, err := serve(ctx, p.role)
		if err != nil {
			return 0, err
		}
		defer s.stop()
		ours := []string{p.role, "echo", "client", "--json"}
		if flags[0] == "--rate" {
			ours = append(ours, "--loop", "open")
		}
		load := append([]string{"--server", s.addr, "--warmup", "500ms", "--length", "2s"}, flags[:2]...)
		sides := [2][]string{append(ours, load...), slices.Concat([]string{p.hand}, load, flags[2:])} // ours always tells
		var figures [2]float64
		for i := range sides {
			side := (i + turn) % 2
			got, err := generate(ctx, sides[side])
			if err != nil {
				return 0, err
			}
			figures[side] = figure(got)
		}
		if figures[1] == 0 {
			return 0, fmt.Errorf("%q: nothing to divide by", sides[1])
		}
		return figures[0] / figures[1], nil
	}
}

var pacing = regexp.MustCompile(`, ([0-9.e+]+)(?:/s)? sent, p99 (\S+) late`)

// paced lets our open loop send at a rate, and returns which it reached, and how
// late the latest of 100 requests was.
func paced(ctx context.Context, p programs, rate float64) (sent float64, late time.Duration, err error) {
	s, err := serve(ctx, p.role)
	if err != nil {
		return 0, 0, err
	}
	defer s.stop()
	out, err := output(ctx, p.role, "echo", "client", "--server", s.addr, "--loop", "open", "--rate", strconv.FormatFloat(rate, 'f', -1, 64),
		"--warmup", "500ms", "--length", "3s")
	m := pacing.FindSubmatch(out)
	if m == nil {
		return 0, 0, fmt.Errorf("no rate in %q: %w", out, err)
	}
	if sent, err = strconv.ParseFloat(string(m[1]), 64); err != nil {
		return 0, 0, err
	}
	late, err = time.ParseDuration(string(m[2]))
	return sent, late, err
}

func lateness(rate float64) func(context.Context, programs, int) (float64, error) {
	return func(ctx context.Context, p programs, _ int) (float64, error) {
		_, late, err := paced(ctx, p, rate)
		return late.Seconds() * 1e3, err
	}
}
