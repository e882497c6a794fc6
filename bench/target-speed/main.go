// Command target-speed puts our generator beside ghz and a hand-written Go loop,
// on one echo server, in turn: CPU per 100,000 calls, the highest rate that the
// pacer holds, memory over many calls. The script run beside it fetches ghz;
// nothing of it is part of CI.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"time"
)

// options are what a person asks for.
type options struct {
	dyno, ghz string
	others    string // folder
	only      string
	blocks    int
	length    time.Duration
	calls     int // of an open loop
	memory    int64
	pool      string
	late      time.Duration
}

func main() {
	log.SetFlags(0)
	var o options
	flag.StringVar(&o.dyno, "dyno", "dyno", "the program")
	flag.StringVar(&o.ghz, "ghz", "ghz", "the program, v0.121.0")
	flag.StringVar(&o.others, "others", "", "folder of the programs fortio and k6; empty: without them")
	flag.IntVar(&o.blocks, "blocks", 6, "repeats of everything; the range of six is a 97 % interval of their median")
	flag.StringVar(&o.only, "rows", ".",
		"regular expression of rows to measure: closed, open 2000/s, open 10000/s, highest rate, server stops")
	flag.IntVar(&o.calls, "calls", 100_000, "of each run at a rate: what a program takes to start counts, as for who uses it")
	flag.DurationVar(&o.length, "length", 10*time.Second, "of each closed loop; a third of it, of each try to hold a rate")
	flag.Int64Var(&o.memory, "memory", 0, "instead: memory of our generator over so many calls, such as 50000000")
	flag.DurationVar(&o.late, "late", time.Millisecond, "of the highest rate: how late 99 of 100 calls may come to the server")
	flag.StringVar(&o.pool, "pool", "", "a file that blocks are added to: the table is of all that are in it, whichever run they are of")
	hand := flag.String("hand", "", "be the hand-written loop at this address (this program starts itself so)")
	rate := flag.Float64("rate", 0, "of the hand-written loop; 0: closed")
	flag.Parse()
	if *hand != "" {
		if err := handLoop(*hand, *rate, o.length); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := measure(o); err != nil {
		log.Fatal(err)
	}
}

func measure(o options) error {
	s, err := serve()
	if err != nil {
		return err
	}
	defer s.server.Stop()
	ctx := context.Background()
	if o.memory > 0 {
		return memory(ctx, s, o)
	}
	only, err := regexp.Compile(o.only)
	if err != nil {
		return err
	}
	t, err := openPool(o.pool)
	if err != nil {
		return err
	}
	rates := slices.DeleteFunc([]float64{0, 2000, 10_000}, func(rate float64) bool { return !only.MatchString(kind(rate)) })
	for range o.blocks {
		if err := costs(ctx, s, o, rates, t); err != nil {
			return err
		}
		if only.MatchString(highest) {
			if err := held(ctx, s, o, t); err != nil {
				return err
			}
		}
		if only.MatchString(stalled) {
			if err := honesty(ctx, s, o, t); err != nil {
				return err
			}
		}
	}
	return t.print(os.Stdout)
}

// kind is a row's name: 0 is the closed loop.
func kind(rate float64) string {
	if rate > 0 {
		return fmt.Sprintf("open %v/s", rate)
	}
	return fmt.Sprintf("closed, %d clients", clients)
}

// costs measures the CPU per 100,000 calls of each generator once, in any order.
func costs(ctx context.Context, s *echo, o options, rates []float64, t *pool) error {
	type turn struct {
		rate    float64
		name    string
		command []string
	}
	var turns []turn
	seconds := make(map[float64]map[string]float64)
	for _, rate := range rates {
		length := o.length
		if rate > 0 {
			length = time.Duration(float64(o.calls) / rate * 1e9)
		}
		seconds[rate] = make(map[string]float64)
		for name, command := range s.generators(o, rate, length) {
			turns = append(turns, turn{rate, name, command})
		}
	}
	rand.Shuffle(len(turns), func(i, k int) { turns[i], turns[k] = turns[k], turns[i] })
	for _, turn := range turns {
		used, calls, _, err := run(ctx, turn.command)
		if err != nil {
			return fmt.Errorf("%s at %v: %w", turn.name, turn.rate, err)
		}
		seconds[turn.rate][turn.name] = used.Seconds() / float64(calls) * 1e5
	}
	for _, rate := range rates {
		if err := t.add(kind(rate), seconds[rate]); err != nil {
			return err
		}
	}
	return nil
}

// highest is the row of the rates that are held.
const highest = "highest rate held"

// held measures the highest rate at which 99 of 100 calls come to the server not
// much after their time, whoever generates them.
func held(ctx context.Context, s *echo, o options, t *pool) error {
	length, best := o.length/3, map[string]float64{"dyno": 0, "ghz": 0} // which is what one has that holds none
	for _, name := range []string{"dyno", "ghz"} {
		for rate, missed := 125.0, 0; missed < 2 && rate < 200_000; rate *= step(rate) {
			rate = float64(int(rate))
			s.begin(int(rate*length.Seconds()) + 1000)
			if _, _, _, err := run(ctx, s.generators(o, rate, length)[name]); err != nil {
				return fmt.Errorf("%s at %v: %w", name, rate, err)
			}
			if lag, share := s.lag(rate, length); lag < o.late && share > 0.98 {
				best[name], missed = rate, 0
			} else {
				missed++
			}
		}
	}
	return t.add(fmt.Sprintf("%s, p99 less than %v late", highest, o.late), best)
}

// step is coarse where all are expected to hold the rate.
func step(rate float64) float64 {
	if rate < 1000 {
		return 2
	}
	return 1.25
}
