package report

import (
	"bytes"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"dyno/internal/figure"
	"dyno/internal/page"
	"dyno/internal/record"
)

// make makes what rests on stored trials alone, on all cores: plots, exports, what
// the page knows of each experiment, and what is said of each system.
func (b *builder) make(sections []Section) (parts []*part, data []page.Data, err error) {
	var all errgroup.Group
	all.SetLimit(runtime.GOMAXPROCS(0))
	parts, data = make([]*part, len(sections)), make([]page.Data, len(b.store.Results))
	for i, s := range sections {
		all.Go(func() (err error) { parts[i], err = b.section(s); return err })
	}
	for i, r := range b.store.Results {
		for _, f := range r.Run.Experiment.Figures {
			if !r.leftOut(f) {
				all.Go(func() error { return b.plot(r, f) })
			}
		}
		all.Go(func() error { return b.export(r) })
		all.Go(func() (err error) { data[i], err = b.packed(r); return err })
	}
	return parts, data, all.Wait()
}

// put takes in a file.
func (b *builder) put(path string, content []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.files[path] = content
}

func (b *builder) plot(r *Result, f record.Figure) error {
	d, err := r.draw(f, b.colours)
	if err != nil {
		return err
	}
	var png bytes.Buffer
	if err := figure.Draw(&png, d.Chart); err != nil {
		return fmt.Errorf("experiment %s: %w", r.Run.Experiment.Name, err)
	}
	b.put(plotPath(r.Run.Experiment.Name, f.Name), png.Bytes())
	return nil
}

// packed packs an experiment for the page.
func (b *builder) packed(r *Result) (page.Data, error) {
	asked, err := r.asked(b.colours)
	if err != nil {
		return page.Data{}, err
	}
	return page.Pack(asked)
}

// export exports an experiment's trials.
func (b *builder) export(r *Result) error {
	text, err := r.export()
	if err != nil {
		return fmt.Errorf("experiment %s: export: %w", r.Run.Experiment.Name, err)
	}
	b.put(exportPath(r.Run.Experiment.Name), text)
	return nil
}
