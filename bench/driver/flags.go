package driver

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/systems"
)

// The drivers: our closed loop and our open one, a search by open ones, and ghz
// as it is by default and with its option async.
const (
	Closed   = "closed"
	Open     = "open"
	Search   = "search"
	GHZ      = "ghz"
	GHZAsync = "ghz-async"

	// Fortio is for systems that offer it besides: its program is one of module
	// rivals.
	Fortio = "fortio"
)

// All are the drivers, for a knob that chooses one.
var All = systems.Choice{Closed, Open, Search, GHZ, GHZAsync}

// IsGHZ says whether a driver is ghz.
func IsGHZ(driver string) bool { return driver == GHZ || driver == GHZAsync }

// IsWitness says whether a driver is a generator that others wrote.
func IsWitness(driver string) bool { return IsGHZ(driver) || driver == Fortio }

// fits refuses a driver that is not what the experiment says of its load.
func fits(driver string, l record.Load) error {
	switch {
	case !slices.Contains(record.Loops, l.Loop):
		return fmt.Errorf("there is no load %q; use one of %s", l.Loop, strings.Join(record.Loops, ", "))
	case l.Loop != "swept" && l.Loop != driver:
		return fmt.Errorf("load %q with driver %s: give the experiment that load, or swept", l.Loop, driver)
	case l.Loop == "swept" && driver == Search:
		return fmt.Errorf("load %q with driver %s: a search needs load {loop: search, …}, which says what for", l.Loop, driver)
	}
	return nil
}

// window refuses a window into which no request of a driver need fall.
func window(driver string, rate float64, length time.Duration) error {
	if driver != Open && !IsWitness(driver) {
		return nil
	}
	return load.CheckWindow(rate, length)
}

// Flags are those of every generator's role.
type Flags struct {
	Warmup, Length time.Duration
	Chosen         bool // somebody gave the length
	Seed           uint64
	JSON           bool
	MaxFailures    record.Share // for a person; a trial is judged by the engine

	begun string
}

// MaxFailuresHelp says what a flag --max-failures does.
const MaxFailuresHelp = "`SHARE` of requests that may end without an answer that is OK, such as 0.1%; above it the exit code is 1"

// BindFlags declares them; they are complete once they are parsed.
func BindFlags(fs systems.FlagSet) *Flags {
	f := &Flags{MaxFailures: record.DefaultMaxFailures}
	fs.DurationVar(&f.Warmup, "warmup", time.Second, "load before the measured window")
	f.Length = 5 * time.Second
	fs.Var((*lengthFlag)(f), "length", "how long to measure")
	fs.Uint64Var(&f.Seed, "seed", 1, "the payloads and the arrivals come from it")
	fs.BoolVar(&f.JSON, "json", false, "print the result as JSON, and judge nothing")
	fs.StringVar(&f.begun, "begun", "", "`FILE` to make when the load begins")
	fs.Var(&f.MaxFailures, "max-failures", MaxFailuresHelp)
	return f
}

// lengthFlag is the length, and notes that it was given.
type lengthFlag Flags

func (f *lengthFlag) String() string { return f.Length.String() }

// Type is what help calls the flag's value.
func (f *lengthFlag) Type() string { return "duration" }

func (f *lengthFlag) Set(text string) error {
	d, err := time.ParseDuration(text)
	f.Length, f.Chosen = d, true
	return err
}

// Check refuses times that measure nothing.
func (f *Flags) Check() error {
	if err := systems.CheckWindow(f.Warmup, f.Length); err != nil {
		return systems.Usagef("--%w", err)
	}
	return nil
}

// settingArgs are the flags for a trial's setting.
func settingArgs(set systems.Setting) []string {
	return []string{
		"--warmup", set.Warmup.String(),
		"--length", set.Length.String(),
		"--seed", strconv.FormatUint(set.Seed, 10),
		"--json",
	}
}

// Await lets a generator's role run to its end in a process of its own, and
// reads the JSON that it prints.
func Await(ctx context.Context, b systems.Bench, l systems.Launch, into any) error {
	generator, err := b.Start(ctx, l)
	if err != nil {
		return err
	}
	u := &Under{name: l.Name, ended: make(chan ended, 1)}
	out, err := generator.Wait(ctx)
	u.ended <- ended{out, err}
	return u.End(into)
}
