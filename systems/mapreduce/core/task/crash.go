package task

import (
	"bytes"
	"fmt"
	"runtime/debug"

	"dyno/systems/mapreduce/core/job"
)

// mapAround maps a block without the records to skip.
func (w *mapper) mapAround(block []byte, offset int64) error {
	for _, s := range w.Skip { // few, sorted by whoever reports them first
		from, to := s.Offset-offset, s.Offset+s.Length-offset
		if from >= int64(len(block)) || to <= 0 {
			continue
		}
		if from >= 0 {
			w.counters.Skipped++
		}
		if from > 0 {
			if err := w.mapAround(block[:from], offset); err != nil {
				return err
			}
		}
		if to < int64(len(block)) {
			return w.mapAround(block[to:], offset+to)
		}
		return nil
	}
	return w.mapBlock(block, offset)
}

// mapBlock maps a block. If the user's function crashes, its records are
// mapped again one by one, for nothing but to learn which of them did it: so
// the usual case pays nothing for each record.
func (w *mapper) mapBlock(block []byte, offset int64) error {
	crash := w.try(block, offset, w.emitter)
	if w.err != nil {
		return w.err
	}
	if crash == nil {
		return nil
	}
	nothing := job.NewEmitter(w.Program.Texts, func(job.Batch) {})
	for rest, at := block, offset; len(rest) > 0; {
		n := bytes.IndexByte(rest, '\n') + 1
		if n == 0 {
			n = len(rest)
		}
		if alone := w.try(rest[:n], at, nothing); alone != nil {
			return alone
		}
		rest, at = rest[n:], at+int64(n)
	}
	crash.Record = Record{} // no record crashes alone, so none can be left out
	return crash
}

// try maps some records and catches a panic.
func (w *mapper) try(block []byte, offset int64, out *job.Emitter) (crash *Crash) {
	defer func() {
		if p := recover(); p != nil {
			out.Drop()
			crash = &Crash{
				InMap: true, Record: Record{Offset: offset, Length: int64(len(block))}, Reason: fmt.Sprint(p),
				Stack: string(debug.Stack()),
			}
		}
	}()
	w.Program.Map(job.Input{File: w.Split.File, Block: block}, out)
	out.Flush()
	return nil
}
