package history

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"dyno/internal/record"
)

// ErrFull says that a history holds as many operations as it may. One that
// lacks an operation proves nothing, so it stays an error for good.
var ErrFull = errors.New("the history is full")

// maxChunk bounds what a log takes from the shared room at once: large enough
// that clients rarely meet there, small enough to waste little.
const maxChunk = 256

// Recorder keeps the operations of concurrent clients. Each client has a [Log]
// of its own and meets the others only once every few hundred operations.
type Recorder[I, O any] struct {
	clock func() int64
	max   int
	chunk int
	left  atomic.Int64
	full  atomic.Bool

	mu   sync.Mutex
	logs map[int32]*Log[I, O]
}

// NewRecorder returns a recorder for at most maxOps operations, at least 1.
// Room is handed out to clients in chunks of at most 1/1024 of it, so a
// recorder with many clients may be full that much earlier. The clock is
// monotonic and in nanoseconds; nil is the time since this call.
func NewRecorder[I, O any](maxOps int, clock func() int64) *Recorder[I, O] {
	maxOps = max(maxOps, 1)
	if clock == nil {
		start := time.Now()
		clock = func() int64 { return int64(time.Since(start)) }
	}
	r := &Recorder[I, O]{
		clock: clock,
		max:   maxOps,
		chunk: min(max(maxOps/1024, 1), maxChunk),
		logs:  make(map[int32]*Log[I, O]),
	}
	r.left.Store(int64(maxOps))
	return r
}

// Client returns the log of a client, always the same one for the same number.
func (r *Recorder[I, O]) Client(id int32) *Log[I, O] {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.logs[id]
	if l == nil {
		l = &Log[I, O]{recorder: r, client: id}
		r.logs[id] = l
	}
	return l
}

// Ops merges all logs, ordered by (Begin, Client, Seq): the same operations
// give the same slice. An operation still open is of unknown outcome and ends
// [Never]. It may be called at any time, also while clients that were given up
// still hang. Errors: [ErrFull]; an operation ended twice, or before it began.
func (r *Recorder[I, O]) Ops() ([]Op[I, O], error) {
	if r.full.Load() {
		return nil, r.fullError()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var ops []Op[I, O]
	for _, l := range r.logs {
		var err error
		if ops, err = l.appendTo(ops); err != nil {
			return nil, err
		}
	}
	order(ops)
	return ops, nil
}

// take claims room for the next chunk of a log.
func (r *Recorder[I, O]) take() (int, error) {
	chunk := int64(r.chunk)
	n := min(chunk, chunk+r.left.Add(-chunk))
	if n <= 0 {
		r.left.Add(chunk) // so that asking again never wraps
		r.full.Store(true)
		return 0, r.fullError()
	}
	return int(n), nil
}

func (r *Recorder[I, O]) fullError() error {
	return fmt.Errorf("%w: more than %d operations: raise the bound or run shorter", ErrFull, r.max)
}

func order[I, O any](ops []Op[I, O]) {
	slices.SortFunc(ops, func(a, b Op[I, O]) int {
		return cmp.Or(cmp.Compare(a.Begin, b.Begin), cmp.Compare(a.Client, b.Client), cmp.Compare(a.Seq, b.Seq))
	})
}

// Log keeps the operations of one client, in the order in which they began.
// Its methods may be called from several goroutines.
type Log[I, O any] struct {
	recorder *Recorder[I, O]
	client   int32

	mu     sync.Mutex // taken by others only when the record is read
	chunks [][]entry[I, O]
	count  int32
	twice  *Op[I, O] // ended twice: a fault of the caller, reported by Ops
}

type entry[I, O any] struct {
	op   Op[I, O]
	done bool
}

// Call is an operation under way.
type Call[I, O any] struct {
	log *Log[I, O]
	at  *entry[I, O]
}

// Begin notes that an operation is about to be sent. On [ErrFull] it must not
// be sent.
func (l *Log[I, O]) Begin(in I) (Call[I, O], error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, err := l.grow()
	if err != nil {
		return Call[I, O]{}, err
	}
	at.op = Op[I, O]{Client: l.client, Seq: l.count - 1, Begin: l.recorder.clock(), End: Never, Input: in}
	return Call[I, O]{log: l, at: at}, nil
}

func (l *Log[I, O]) grow() (*entry[I, O], error) {
	last := len(l.chunks) - 1
	if last < 0 || len(l.chunks[last]) == cap(l.chunks[last]) {
		n, err := l.recorder.take()
		if err != nil {
			return nil, err
		}
		l.chunks = append(l.chunks, make([]entry[I, O], 0, n))
		last++
	}
	l.count++
	l.chunks[last] = append(l.chunks[last], entry[I, O]{}) // within cap: earlier pointers stay valid
	return &l.chunks[last][len(l.chunks[last])-1], nil
}

// End notes the answer, or with an unknown outcome that the client gave up.
// The output of an unknown or failed operation is dropped.
func (c Call[I, O]) End(out O, outcome record.Outcome) {
	now := c.log.recorder.clock()
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	if c.at.done {
		c.log.twice = &c.at.op
		return
	}
	c.at.done, c.at.op.End, c.at.op.Outcome = true, now, outcome
	if answered(outcome) {
		c.at.op.Output = out
	}
}

func (l *Log[I, O]) appendTo(ops []Op[I, O]) ([]Op[I, O], error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.twice != nil {
		return nil, fmt.Errorf("%v was ended twice: end each call once", *l.twice)
	}
	for _, chunk := range l.chunks {
		for _, e := range chunk {
			if err := e.op.conform(); err != nil {
				return nil, err
			}
			ops = append(ops, e.op)
		}
	}
	return ops, nil
}

// line is an operation as JSON: the outcome by its name, times in nanoseconds.
type line[I, O any] struct {
	Client  int32  `json:"client"`
	Seq     int32  `json:"seq"`
	Begin   int64  `json:"begin_ns"`
	End     int64  `json:"end_ns,omitempty"`
	Open    bool   `json:"open,omitempty"` // never ended
	Outcome string `json:"outcome"`
	Input   I      `json:"in"`
	Output  *O     `json:"out,omitempty"` // only of an answered operation
}

// MarshalJSON encodes the operation as one object.
func (o Op[I, O]) MarshalJSON() ([]byte, error) {
	l := line[I, O]{Client: o.Client, Seq: o.Seq, Begin: o.Begin, End: o.End, Outcome: o.Outcome.String(), Input: o.Input}
	if o.End == Never {
		l.End, l.Open = 0, true
	}
	if answered(o.Outcome) {
		l.Output = &o.Output
	}
	return json.Marshal(l)
}

// UnmarshalJSON is the inverse of MarshalJSON. A field or an outcome that it
// does not know is an error.
func (o *Op[I, O]) UnmarshalJSON(b []byte) error {
	var l line[I, O]
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return err
	}
	outcome, err := parseOutcome(l.Outcome)
	if err != nil {
		return err
	}
	if (l.Output != nil) != answered(outcome) {
		return fmt.Errorf("outcome %s with output %t: exactly answered operations (ok, refused) have one", outcome, l.Output != nil)
	}
	*o = Op[I, O]{Client: l.Client, Seq: l.Seq, Begin: l.Begin, End: l.End, Outcome: outcome, Input: l.Input}
	if l.Open {
		o.End = Never
	}
	if l.Output != nil {
		o.Output = *l.Output
	}
	return o.conform()
}

func parseOutcome(text string) (record.Outcome, error) {
	for _, o := range []record.Outcome{record.Unknown, record.OK, record.Refused, record.Failed} {
		if text == o.String() {
			return o, nil
		}
	}
	return 0, fmt.Errorf("outcome %q is none of unknown, ok, refused, failed", text)
}
