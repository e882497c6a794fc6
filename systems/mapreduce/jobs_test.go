package mapreduce_test

import (
	"bytes"
	"testing"
	"time"

	"dyno/internal/cli"
	"dyno/systems/mapreduce/core/job"
	"dyno/systems/systemtest"
)

// The processes that tests start are this binary: they know these jobs too.
func TestMain(m *testing.M) {
	job.All = append(job.All, sleepy, boom, broken)
	systemtest.Main(m, cli.Main)
}

// sleepy counts lines and takes its time over each block, so that there is a
// middle in which something can happen, at no cost.
var sleepy = job.Job{
	Name: "sleepy", Summary: "wordcount of lines, slowly",
	New: func(map[string]string) (job.Program, error) {
		return lineCount(func([]byte) { time.Sleep(40 * time.Millisecond) }), nil
	},
}

// boom crashes on lines that say so.
var boom = job.Job{
	Name: "boom", Summary: "crashes on some records",
	New: func(map[string]string) (job.Program, error) {
		return lineCount(func(block []byte) {
			if bytes.Contains(block, []byte("boom")) {
				panic("a line says boom")
			}
		}), nil
	},
}

// broken always crashes.
var broken = job.Job{
	Name: "broken", Summary: "always crashes",
	New: func(map[string]string) (job.Program, error) {
		return lineCount(func([]byte) { panic("it never works") }), nil
	},
}

func lineCount(first func(block []byte)) job.Program {
	return job.Program{
		Map: func(in job.Input, out *job.Emitter) {
			first(in.Block)
			for line := range bytes.Lines(in.Block) {
				out.Number(bytes.TrimSpace(line), 1)
			}
		},
		Reduce: func(key []byte, values *job.Values, out *job.Output) {
			sum := uint64(0)
			for n, ok := values.Number(); ok; n, ok = values.Number() {
				sum += n
			}
			out.Number(key, sum)
		},
	}
}
