package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
)

// batchSize is about how many bytes of lines are taken apart at once: enough to
// keep all cores busy, and little beside what comes out.
const batchSize = 1 << 20

// line is one of trials.jsonl.
type line struct {
	text  []byte // with its newline, if it has one; until the next batch
	trial *Trial // as unseal returns it
	err   error
}

// lineReader reads a file of lines in batches, into the same memory each time.
type lineReader struct {
	in    *bufio.Reader
	text  []byte
	lines []line
}

// next returns some more lines; none at the end.
func (r *lineReader) next() ([]line, error) {
	var ends []int
	r.text, r.lines = r.text[:0], r.lines[:0]
	for partial := false; partial || len(r.text) < batchSize; {
		part, err := r.in.ReadSlice('\n')
		r.text = append(r.text, part...)
		if partial = errors.Is(err, bufio.ErrBufferFull); partial {
			continue // a long line: more of it comes
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if n := len(ends); len(r.text) > 0 && (n == 0 || ends[n-1] < len(r.text)) {
			ends = append(ends, len(r.text))
		}
		if err != nil {
			break
		}
	}
	begin := 0
	for _, end := range ends {
		r.lines = append(r.lines, line{text: r.text[begin:end:end]})
		begin = end
	}
	return r.lines, nil
}

// decoder reads the JSON of a trial.
type decoder func(text []byte) (*Trial, error)

// decode leaves the evidence out, a quarter of the text: figures were held against
// it when they were stored.
func decode(text []byte) (*Trial, error) {
	type trial Trial
	type observation Observation
	var t struct {
		trial
		Observation *struct {
			observation
			Evidence skipped `json:"evidence"`
		} `json:"observation"` // in place of the trial's own
	}
	if err := json.Unmarshal(text, &t); err != nil {
		return nil, err
	}
	if t.Observation != nil {
		t.trial.Observation = (*Observation)(&t.Observation.observation)
	}
	return (*Trial)(&t.trial), nil
}

// skipped is a part of a JSON text that nobody looks at.
type skipped struct{}

func (*skipped) UnmarshalJSON([]byte) error { return nil }

// decodeVerdict leaves the figures out, and what they were held against: most of
// the text, which is only skipped.
func decodeVerdict(text []byte) (*Trial, error) {
	type trial Trial
	var t struct {
		trial
		Observation *struct {
			Counts   Counts    `json:"counts"`
			Failures *Failures `json:"failures"`
			Verdict  Verdict   `json:"verdict"`
			Flags    []Flag    `json:"flags"`
		} `json:"observation"` // in place of the trial's own
	}
	if err := json.Unmarshal(text, &t); err != nil {
		return nil, err
	}
	if o := t.Observation; o != nil {
		t.trial.Observation = &Observation{Counts: o.Counts, Failures: o.Failures, Verdict: o.Verdict, Flags: o.Flags}
	}
	return (*Trial)(&t.trial), nil
}

// unsealAll takes lines apart, on all cores.
func unsealAll(lines []line, decode decoder) {
	var next atomic.Int64
	var working sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(lines)) {
		working.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(lines)); i = next.Add(1) - 1 {
				lines[i].trial, lines[i].err = unseal(lines[i].text, decode)
			}
		})
	}
	working.Wait()
}
