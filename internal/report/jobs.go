package report

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"dyno/internal/figure"
	"dyno/internal/page"
)

// job makes one file, or, without a path, something else. Jobs run beside one another: they only read what is stored.
type job func() (path string, content []byte, err error)

// make runs all jobs, as many at once as there are cores. The error is that of the
// first that failed, in their order.
func (b *builder) make(jobs []job) error {
	type made struct {
		path    string
		content []byte
		err     error
	}
	all := make([]made, len(jobs))
	var next atomic.Int64
	var working sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		working.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(jobs)); i = next.Add(1) - 1 {
				m := &all[i]
				m.path, m.content, m.err = jobs[i]()
			}
		})
	}
	working.Wait()
	for _, m := range all {
		if m.err != nil {
			return m.err
		}
		if m.path != "" {
			b.files[m.path] = m.content
		}
	}
	return nil
}

// plots are the jobs that draw an experiment's figures.
func (b *builder) plots(r *Result) []job {
	var jobs []job
	for _, f := range r.Run.Experiment.Figures {
		if r.leftOut(f) {
			continue
		}
		jobs = append(jobs, func() (string, []byte, error) {
			chart, _, err := r.draw(f, b.colours)
			if err != nil {
				return "", nil, err
			}
			var png bytes.Buffer
			if err := figure.Draw(&png, chart); err != nil {
				return "", nil, fmt.Errorf("experiment %s: %w", r.Run.Experiment.Name, err)
			}
			return plotPath(r.Run.Experiment.Name, f.Name), png.Bytes(), nil
		})
	}
	return jobs
}

// packed is the job that packs an experiment for the page.
func (b *builder) packed(r *Result, into *page.Data) job {
	return func() (string, []byte, error) {
		asked, err := r.asked(b.colours)
		if err == nil {
			*into, err = page.Pack(asked)
		}
		return "", nil, err
	}
}

// exported is the job that exports an experiment's trials.
func (r *Result) exported() (string, []byte, error) {
	text, err := r.export()
	if err != nil {
		return "", nil, fmt.Errorf("experiment %s: export: %w", r.Run.Experiment.Name, err)
	}
	return exportPath(r.Run.Experiment.Name), text, nil
}
