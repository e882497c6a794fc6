package generator

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"dyno/internal/record"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems/standby/config"
)

// Done is a request and how it ended. Fields have the same size for all, so that
// a history is a file of records.
type Done struct {
	Client, Number uint64
	Account        int32 // its name is [Account] of it
	Operation      uint8 // of standbyv1
	Outcome        uint8 // of standbyv1; 0: no answer
	Ending         uint8
	Server         int8 // who answered: 0 is s1, 1 is s2, -1 nobody
	Repeated       bool // the stored answer
	Attempts       uint16
	Amount         int64
	Balance        int64
	Epoch, Action  uint64 // of the answer; of a loss: its epoch and last action
	SeenEpoch      uint64 // what the session had seen
	SeenAction     uint64
	Begin, End     int64 // unix nanoseconds
}

// How a request ended.
const (
	Answered uint8 = iota
	Refused        // nothing was done
	Unknown        // it may have been done
	Lost           // what the session had seen is lost; nothing was done
)

// Operations of [Done].
const (
	Lookup   = uint8(standbyv1.Operation_OPERATION_LOOKUP)
	Withdraw = uint8(standbyv1.Operation_OPERATION_WITHDRAW)
	Deposit  = uint8(standbyv1.Operation_OPERATION_DEPOSIT)
)

// Account is the name of an account by its number, from 0.
func Account(n int32) string { return fmt.Sprint(n + 1) }

// WriteHistory writes all requests of a run.
func WriteHistory(path string, clients [][]Done) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	buf := make([]byte, 0, 256)
	for _, all := range clients {
		for i := range all {
			if buf, err = binary.Append(buf[:0], binary.LittleEndian, &all[i]); err != nil {
				return err
			}
			if _, err := w.Write(buf); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}

// ReadHistory reads what [WriteHistory] wrote, the requests of a client in their
// order. A file that was cut is an error.
func ReadHistory(path string) (all []Done, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	for {
		var d Done
		err := binary.Read(r, binary.LittleEndian, &d)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: request %d: %w", path, len(all), err)
		}
		all = append(all, d)
	}
}

// wrote says that a request is an acknowledged write.
func (d *Done) wrote() bool {
	return d.Ending == Answered && d.Operation != Lookup && d.Outcome == uint8(standbyv1.Outcome_OUTCOME_DONE)
}

// Timeline counts acknowledged writes per step, for each server, from so long
// before a moment to so long after it; a phase is an epoch, from its first
// acknowledged write to its last.
func Timeline(all []Done, at time.Time, before, after, step time.Duration) record.Series {
	n := int((before + after) / step)
	s := record.Series{Step: step.Seconds(), From: -before.Seconds(), Lines: []record.Line{
		{Name: config.S1, Values: make([]float64, n)}, {Name: config.S2, Values: make([]float64, n)},
	}}
	epochs := map[uint64]*record.Phase{}
	for i := range all {
		d := &all[i]
		since := time.Duration(d.End - at.UnixNano())
		k := int((since + before) / step)
		if !d.wrote() || since < -before || k >= n {
			continue
		}
		s.Lines[d.Server].Values[k]++
		seconds := since.Seconds()
		p := epochs[d.Epoch]
		if p == nil {
			p = &record.Phase{Name: fmt.Sprintf("epoch %d: %s", d.Epoch, s.Lines[d.Server].Name), From: seconds, To: seconds}
			epochs[d.Epoch] = p
		}
		p.From, p.To = min(p.From, seconds), max(p.To, seconds)
	}
	for _, epoch := range slices.Sorted(maps.Keys(epochs)) {
		s.Phases = append(s.Phases, *epochs[epoch])
	}
	return s
}
