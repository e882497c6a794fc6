package main

import (
	"fmt"
	"io"
	"time"

	"dyno/bench/fleet"
)

// roundTrip is between two machines of one data centre.
const roundTrip = 200 * time.Microsecond

// exchanges are the round trips of a pair: one to connect, ten to measure.
const exchanges = 11

// print writes the constants and what follows from them.
func (c constants) print(w io.Writer) {
	for _, row := range [][2]string{
		{"constant", "measured"},
		{"---", "---"},
		{"connecting to a machine, CPU", c.connect.Round(time.Microsecond).String()},
		{"a machine's heartbeats, CPU each second", c.heartbeat.Round(time.Microsecond).String()},
		{"a connected machine, memory", size(c.memory)},
		{"round trips of a pair on loopback", c.exchange.Round(time.Microsecond).String()},
		{"a trial in the journal", size(c.line)},
		{"reading a trial, CPU", c.read.Round(time.Microsecond).String()},
		{"merging a histogram, CPU", c.merge.Round(100 * time.Nanosecond).String()},
	} {
		fmt.Fprintf(w, "| %s | %s |\n", row[0], row[1])
	}
	fmt.Fprintf(w, "\n| machines | connect, CPU | heartbeats, cores | memory | round trips, a block |\n|--:|--:|--:|--:|--:|\n")
	for _, n := range []int{2, 10, 100, 1000} {
		m := c.machines(n)
		fmt.Fprintf(w, "| %d | %v | %.4f | %s | %v |\n", n, brief(m.connect), m.cores, size(m.memory), brief(m.trips))
	}
	fmt.Fprintf(w, "\n| trials | journal | reading it, CPU | merging a histogram of each, CPU |\n|--:|--:|--:|--:|\n")
	for _, n := range []int{1000, 10_000, 100_000} {
		d := time.Duration(n)
		fmt.Fprintf(w, "| %d | %s | %v | %v |\n", n, size(c.line*float64(n)), brief(c.read*d), brief(c.merge*d))
	}
}

// cost is what a number of machines costs the runner.
type cost struct {
	connect time.Duration
	cores   float64
	memory  float64
	trips   time.Duration
}

func (c constants) machines(n int) cost {
	return cost{
		connect: c.connect * time.Duration(n),
		cores:   c.heartbeat.Seconds() * float64(n),
		memory:  c.memory * float64(n),
		trips:   c.trips(n),
	}
}

// trips is what the round-trip times cost before each block. The runner asks each
// machine; then machine after machine asks all others, or, of many, all machines at
// once ask some each. On loopback the way itself costs nothing.
func (c constants) trips(n int) time.Duration {
	pair := c.exchange + exchanges*roundTrip
	if n > fleet.Partners+1 {
		return time.Duration(n+fleet.Partners) * pair
	}
	return time.Duration(n+n*(n-1)) * pair
}

func brief(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Second:
		return d.Round(time.Second)
	case d > 10*time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Microsecond)
}

func size(bytes float64) string {
	switch {
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", bytes/(1<<20))
	case bytes >= 1<<10:
		return fmt.Sprintf("%.1f KiB", bytes/(1<<10))
	}
	return fmt.Sprintf("%.0f B", bytes)
}
