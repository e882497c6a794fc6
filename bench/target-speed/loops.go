package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// call is one, and how long it took since it was to be sent.
type call func(due time.Time) (time.Duration, error)

// handClosed prints how many calls clients made, each after its last was answered.
func handClosed(c call, length time.Duration) error {
	times, errs := make([][]time.Duration, clients), make([]error, clients)
	end := time.Now().Add(length)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for time.Now().Before(end) {
				took, err := c(time.Now())
				if err != nil {
					errs[i] = err
					return
				}
				times[i] = append(times[i], took)
			}
		})
	}
	wg.Wait()
	n := 0
	for i := range clients {
		if errs[i] != nil {
			return errs[i]
		}
		n += len(times[i])
	}
	fmt.Printf("calls %d\n", n)
	return nil
}

// handOpen prints how many calls it made at a constant rate, a goroutine for each,
// and how late it was for the 99th of 100. It sleeps by package time, as one does.
func handOpen(c call, rate float64, length time.Duration) error {
	n := int(rate * length.Seconds())
	times, late, errs := make([]time.Duration, n), make([]time.Duration, n), make([]error, n)
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range n {
		due := begin.Add(time.Duration(float64(i) / rate * 1e9))
		time.Sleep(time.Until(due))
		wg.Go(func() {
			late[i] = time.Since(due)
			times[i], errs[i] = c(due)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	slices.Sort(late)
	fmt.Printf("calls %d\nlate %v\n", n, late[n*99/100])
	return nil
}

// generators are the command lines of the three, at a rate or in a closed loop.
func (s *echo) generators(o options, rate float64, length time.Duration) map[string][]string {
	seconds := length.String()
	ours := []string{
		o.dyno, "target", "client", "--address", s.address, "--method", method, "--data", payload,
		"--warmup", "0s", "--length", seconds,
	}
	ghz := []string{
		o.ghz, "--insecure", "--call", method, "-d", payload, "--connections", "1", "--timeout", "10s", "--disable-template-functions",
		"--disable-template-data",
	}
	hand := []string{os.Args[0], "-hand", s.address, "-length", seconds}
	if rate == 0 {
		ours = append(ours, "--loop", "closed", "--clients", strconv.Itoa(clients))
		ghz = append(ghz, "-c", strconv.Itoa(clients), "-z", seconds, "--duration-stop", "wait")
	} else {
		text := strconv.FormatFloat(rate, 'f', -1, 64)
		ours = append(ours, "--loop", "open", "--arrivals", "constant", "--rate", text)
		ghz = append(ghz, "-c", "50", "--async", "--rps", text, "-n", strconv.Itoa(int(rate*length.Seconds())))
		hand = append(hand, "-rate", text)
	}
	all := map[string][]string{"dyno": ours, "ghz": append(ghz, s.address), "hand": hand}
	if o.others != "" {
		all["fortio"], all["k6"] = s.fortio(o, rate, length), s.k6(o, rate, length)
	}
	return all
}

// counted are the calls that a generator says it made, and told is the mean of
// what it says they took.
var (
	counted = regexp.MustCompile(`(?m)^(?:calls |\s*Count:\s+|\d+ requests: )(\d+)`)
	told    = regexp.MustCompile(`(?m)(?:response mean |^mean |Average:\s+)([\d.]+) ?([mµn]?s)`)
)

// run lets one generator make its calls, and returns the CPU time of its whole
// process, from start to end, and what it says.
func run(ctx context.Context, command []string) (used time.Duration, calls int64, said string, err error) {
	var out, log bytes.Buffer
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		return 0, 0, "", fmt.Errorf("%w: %s", err, strings.TrimSpace(log.String()))
	}
	said = out.String()
	if m := counted.FindStringSubmatch(said); m != nil {
		calls, err = strconv.ParseInt(m[1], 10, 64)
	}
	if err == nil && calls == 0 {
		err = fmt.Errorf("it made no call: %.300s", said)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), calls, said, err
}

// memory prints what our generator occupies on its way through many calls.
func memory(ctx context.Context, s *echo, o options) error {
	cmd := exec.CommandContext(ctx, o.dyno, "target", "client", "--address", s.address, "--method", method, "--data", payload,
		"--warmup", "0s", "--clients", strconv.Itoa(clients), "--spans", "100000", "--length", "24h")
	s.begin(0)
	if err := cmd.Start(); err != nil {
		return err
	}
	fmt.Println("| calls | resident MiB |\n|--:|--:|")
	for next := o.memory / 20; ; {
		n := s.n.Load()
		if n >= next {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", cmd.Process.Pid))
			if err != nil {
				return err
			}
			pages, err := strconv.ParseFloat(strings.Fields(string(text))[1], 64)
			if err != nil {
				return err
			}
			fmt.Printf("| %d | %.1f |\n", n, pages*float64(os.Getpagesize())/(1<<20))
			next += o.memory / 10
		}
		if n >= o.memory {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it was killed
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
}
