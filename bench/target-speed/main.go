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
	"runtime"
	"slices"
	"strings"
	"time"
)

// options are what a person asks for.
type options struct {
	dyno, ghz string
	only      string
	blocks    int
	length    time.Duration
	calls     int // of an open loop
	memory    int64
}

func main() {
	log.SetFlags(0)
	var o options
	flag.StringVar(&o.dyno, "dyno", "dyno", "the program")
	flag.StringVar(&o.ghz, "ghz", "ghz", "the program, v0.121.0")
	flag.IntVar(&o.blocks, "blocks", 6, "repeats of everything; the range of six is a 97 % interval of their median")
	flag.StringVar(&o.only, "rows", ".", "regular expression of rows to measure: closed, open 2000/s, open 10000/s, highest rate")
	flag.IntVar(&o.calls, "calls", 100_000, "of each run at a rate: what a program takes to start counts, as for who uses it")
	flag.DurationVar(&o.length, "length", 10*time.Second, "of each closed loop; a third of it, of each try to hold a rate")
	flag.Int64Var(&o.memory, "memory", 0, "instead: memory of our generator over so many calls, such as 50000000")
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
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("%s, %d processors, load averages and tasks %s, %d blocks\n", runtime.Version(), runtime.NumCPU(),
		strings.TrimSpace(string(load)), o.blocks)
	only, err := regexp.Compile(o.only)
	if err != nil {
		return err
	}
	kinds := slices.DeleteFunc([]float64{0, 2000, 10_000}, func(rate float64) bool { return !only.MatchString(kind(rate)) })
	if err := costs(ctx, s, o, kinds); err != nil || !only.MatchString("highest rate") {
		return err
	}
	return rates(ctx, s, o)
}

// kind is a row's name: 0 is the closed loop.
func kind(rate float64) string {
	if rate > 0 {
		return fmt.Sprintf("open %v/s", rate)
	}
	return fmt.Sprintf("closed, %d clients", clients)
}

// costs prints the CPU per 100,000 calls of each generator, and the ratios.
func costs(ctx context.Context, s *echo, o options, kinds []float64) error {
	seconds := map[float64]map[string][]float64{}
	for range o.blocks {
		var turns []func() error
		for _, rate := range kinds {
			length := o.length
			if rate > 0 {
				length = time.Duration(float64(o.calls) / rate * 1e9)
			}
			for name, command := range s.generators(o, rate, length) {
				turns = append(turns, func() error {
					used, calls, err := run(ctx, command)
					if err != nil {
						return fmt.Errorf("%s at %v: %w", name, rate, err)
					}
					if seconds[rate] == nil {
						seconds[rate] = map[string][]float64{}
					}
					seconds[rate][name] = append(seconds[rate][name], used.Seconds()/float64(calls)*1e5)
					return nil
				})
			}
		}
		rand.Shuffle(len(turns), func(i, k int) { turns[i], turns[k] = turns[k], turns[i] })
		for _, turn := range turns {
			if err := turn(); err != nil {
				return err
			}
		}
	}
	fmt.Println("| CPU s per 100,000 calls | dyno | ghz | by hand | dyno / ghz | dyno / by hand |\n|:--|--:|--:|--:|--:|--:|")
	for _, rate := range kinds {
		c := seconds[rate]
		fmt.Printf("| %s | %s | %s | %s | %s | %s |\n", kind(rate), spread(c["dyno"]), spread(c["ghz"]), spread(c["hand"]),
			spread(ratios(c["dyno"], c["ghz"])), spread(ratios(c["dyno"], c["hand"])))
	}
	return nil
}

// ratios divides block by block.
func ratios(a, b []float64) (out []float64) {
	for i := range min(len(a), len(b)) {
		if b[i] > 0 {
			out = append(out, a[i]/b[i])
		}
	}
	return out
}

// spread is the median with the range, in brackets.
func spread(values []float64) string {
	v := slices.Sorted(slices.Values(values))
	if len(v) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f [%.2f, %.2f]", (v[(len(v)-1)/2]+v[len(v)/2])/2, v[0], v[len(v)-1])
}

// rates prints the highest rate at which 99 of 100 calls come to the server less
// than 1 ms after their time, whoever generates them.
func rates(ctx context.Context, s *echo, o options) error {
	length := o.length / 3
	best := map[string][]float64{}
	for range o.blocks {
		for _, name := range []string{"dyno", "ghz"} {
			held := 0.0
			for rate, missed := 1000.0, 0; missed < 2 && rate < 200_000; rate *= 1.25 {
				rate = float64(int(rate))
				s.begin(int(rate*length.Seconds()) + 1000)
				if _, _, err := run(ctx, s.generators(o, rate, length)[name]); err != nil {
					return fmt.Errorf("%s at %v: %w", name, rate, err)
				}
				if lag, share := s.lag(rate, length); lag < time.Millisecond && share > 0.98 {
					held, missed = rate, 0
				} else {
					missed++
				}
			}
			best[name] = append(best[name], held)
		}
	}
	fmt.Println("\n| highest rate held, p99 at the server less than 1 ms late | dyno | ghz | dyno / ghz |\n|:--|--:|--:|--:|")
	fmt.Printf("| constant arrivals | %s | %s | %s |\n", spread(best["dyno"]), spread(best["ghz"]), spread(ratios(best["dyno"], best["ghz"])))
	return nil
}
