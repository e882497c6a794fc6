package job

// BatchPairs is how many pairs an [Emitter] collects before it hands them on:
// enough to hide the call, few enough to stay in the first-level cache.
const BatchPairs = 256

// Batch is a run of emitted pairs, in order. Numbers or Texts is as long as
// Keys, by the program's kind.
type Batch struct {
	Keys    [][]byte
	Numbers []uint64
	Texts   [][]byte
}

// Emitter takes the pairs of a Map function. It keeps what it is given until
// Map returns: keys and texts must be parts of the block, or not be changed
// meanwhile.
type Emitter struct {
	n       int
	keys    [BatchPairs][]byte
	numbers [BatchPairs]uint64
	texts   [BatchPairs][]byte
	sink    func(Batch)
	isText  bool
}

// NewEmitter makes an emitter for a program's kind that hands its pairs to
// sink in batches.
func NewEmitter(texts bool, sink func(Batch)) *Emitter {
	return &Emitter{sink: sink, isText: texts}
}

// Number emits a pair of a program that carries numbers.
func (e *Emitter) Number(key []byte, n uint64) {
	e.keys[e.n], e.numbers[e.n] = key, n
	if e.n++; e.n == BatchPairs {
		e.Flush()
	}
}

// Text emits a pair of a program that carries texts.
func (e *Emitter) Text(key, text []byte) {
	e.keys[e.n], e.texts[e.n] = key, text
	if e.n++; e.n == BatchPairs {
		e.Flush()
	}
}

// Flush hands on what was collected. Package task calls it after each block.
func (e *Emitter) Flush() {
	n := e.n
	if n == 0 {
		return
	}
	e.n = 0
	b := Batch{Keys: e.keys[:n]}
	if e.isText {
		b.Texts = e.texts[:n]
	} else {
		b.Numbers = e.numbers[:n]
	}
	e.sink(b)
}

// Drop forgets what was collected: the function that emitted it crashed.
func (e *Emitter) Drop() { e.n = 0 }
