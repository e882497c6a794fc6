package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"dyno/internal/record"
)

// ofTrials reads the journals of the repository.
func (c *constants) ofTrials() error {
	paths, err := filepath.Glob("results/*/trials.jsonl")
	if err != nil {
		return err
	}
	began, trials, bytes := cpu(), 0, 0
	for _, path := range paths {
		n, size, err := read(path)
		if err != nil {
			return err
		}
		trials, bytes = trials+n, bytes+size
	}
	if trials == 0 {
		return errors.New("there are no trials in results/: run this from the repository's root")
	}
	c.line, c.read = float64(bytes)/float64(trials), (cpu()-began)/time.Duration(trials)
	c.merge = merge()
	return nil
}

// read decodes the trials of a journal.
func read(path string) (trials, bytes int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var t record.Trial
		if err := json.Unmarshal(lines.Bytes(), &t); err != nil {
			return 0, 0, err
		}
		trials, bytes = trials+1, bytes+len(lines.Bytes())+1
	}
	return trials, bytes, lines.Err()
}

// merge takes histograms of 10,000 exponential latencies of 20 ms each together, as a
// report does with those of an experiment's blocks.
func merge() time.Duration {
	const histograms, samples = 100, 10_000
	random := rand.New(rand.NewPCG(1, 1))
	parts := make([]record.Histogram, histograms)
	for i := range parts {
		for range samples {
			parts[i].Record(time.Duration(random.ExpFloat64() * float64(20*time.Millisecond)))
		}
	}
	var all record.Histogram
	began := cpu()
	for i := range parts {
		all.Merge(&parts[i])
	}
	return (cpu() - began) / histograms
}
