package task_test

import (
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"dyno/systems/mapreduce/core/job"
	"dyno/systems/mapreduce/core/task"
	"dyno/systems/mapreduce/disk"
	"dyno/systems/mapreduce/text"
)

// input writes a text into the current folder once.
func input(b *testing.B, size int64, distinct int) string {
	b.Helper()
	name := "input-" + strconv.Itoa(distinct)
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := text.Write(f, text.Options{Seed: 1, Bytes: size, Distinct: distinct}); err != nil {
		b.Fatal(err)
	}
	return name
}

func program(b testing.TB, name string, combine bool) job.Program {
	b.Helper()
	j, err := job.Lookup(name)
	if err != nil {
		b.Fatal(err)
	}
	p, err := j.Program(nil)
	if err != nil {
		b.Fatal(err)
	}
	if !combine {
		p = p.WithoutCombiner()
	}
	return p
}

// whole runs a job in this process.
type whole struct {
	files            []string
	job              string
	noCombine        bool
	workers, reduces int
	split, memory    int64
}

func (w whole) run(b testing.TB) (c task.Counters) {
	splits, err := task.Splits(disk.Disk{}, w.files, w.split)
	if err != nil {
		b.Fatal(err)
	}
	spaces := make([]task.Workspace, w.workers)
	each := func(n int, do func(worker, i int)) {
		var next atomic.Int64
		var wg sync.WaitGroup
		for worker := range w.workers {
			wg.Go(func() {
				for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
					do(worker, i)
				}
			})
		}
		wg.Wait()
	}
	each(len(splits), func(worker, i int) {
		m := task.Map{Job: "bench", Program: program(b, w.job, !w.noCombine), Task: i, Split: splits[i], Reduces: w.reduces, Memory: w.memory, Workspace: &spaces[worker]}
		if _, err := m.Run(b.Context(), disk.Disk{}); err != nil {
			b.Error(err)
		}
	})
	var lines atomic.Int64
	each(w.reduces, func(_, r int) {
		red := task.Reduce{Job: "bench", Program: program(b, w.job, !w.noCombine), Task: r, Memory: w.memory}
		for m := range splits {
			red.Inputs = append(red.Inputs, task.FileInput(disk.Disk{}, m, task.RunName("bench", m, r)))
		}
		got, err := red.Run(b.Context(), disk.Disk{})
		if err != nil {
			b.Error(err)
		}
		lines.Add(got.Counters.OutputLines)
	})
	c.OutputLines = lines.Load()
	return c
}

func BenchmarkMap(b *testing.B) {
	for _, c := range []struct {
		name     string
		distinct int
		job      string
		combine  bool
	}{{"wordcount", 22_000, "wordcount", true}, {"nocombine", 22_000, "wordcount", false}, {"rare", 2_000_000, "wordcount", true}, {"index", 22_000, "invertedindex", true}, {"sort", 22_000, "sort", true}} {
		b.Run(c.name, func(b *testing.B) {
			b.Chdir(b.TempDir())
			const size = 16 << 20
			name := input(b, size, c.distinct)
			b.SetBytes(size)
			report := reportCPU(b, size)
			space := new(task.Workspace)
			for b.Loop() {
				m := task.Map{Job: "bench", Program: program(b, c.job, c.combine), Split: task.Split{File: name, Length: size}, Reduces: 8, Workspace: space}
				if _, err := m.Run(b.Context(), disk.Disk{}); err != nil {
					b.Fatal(err)
				}
			}
			report()
		})
	}
}

func BenchmarkReduce(b *testing.B) {
	for _, c := range []struct {
		name     string
		distinct int
		combine  bool
	}{{"wordcount", 22_000, true}, {"nocombine", 22_000, false}, {"rare", 1_000_000, true}} {
		b.Run(c.name, func(b *testing.B) {
			b.Chdir(b.TempDir())
			const size, maps = 64 << 20, 16
			name := input(b, size, c.distinct)
			red := task.Reduce{Job: "bench", Program: program(b, "wordcount", c.combine)}
			bytes := int64(0)
			for i := range maps {
				m := task.Map{Job: "bench", Program: program(b, "wordcount", c.combine), Task: i, Split: task.Split{File: name, Offset: int64(i) * size / maps, Length: size / maps}, Reduces: 1}
				got, err := m.Run(b.Context(), disk.Disk{})
				if err != nil {
					b.Fatal(err)
				}
				bytes += got.Runs[0].Bytes
				red.Inputs = append(red.Inputs, task.FileInput(disk.Disk{}, i, got.Runs[0].Name))
			}
			b.SetBytes(bytes)
			report := reportCPU(b, bytes)
			var got task.Reduced
			for b.Loop() {
				var err error
				if got, err = red.Run(b.Context(), disk.Disk{}); err != nil {
					b.Fatal(err)
				}
			}
			report()
			b.ReportMetric(float64(got.Counters.Keys), "keys/op")
		})
	}
}

func BenchmarkJob(b *testing.B) {
	for _, c := range []struct {
		name     string
		distinct int
		whole    whole
	}{
		{"wordcount", 22_000, whole{job: "wordcount", reduces: 8}},
		{"nocombine", 22_000, whole{job: "wordcount", reduces: 8, noCombine: true}},
		{"reduces-200", 22_000, whole{job: "wordcount", reduces: 200}},
		{"rare", 1_000_000, whole{job: "wordcount", reduces: 8}},
		{"index", 22_000, whole{job: "invertedindex", reduces: 8}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.Chdir(b.TempDir())
			const size = 64 << 20
			c.whole.files, c.whole.workers, c.whole.split = []string{input(b, size, c.distinct)}, 2, 4<<20
			b.SetBytes(size)
			report := reportCPU(b, size)
			for b.Loop() {
				if got := c.whole.run(b); got.OutputLines != int64(c.distinct) {
					b.Fatalf("%d lines, want %d", got.OutputLines, c.distinct)
				}
			}
			report()
		})
	}
}
