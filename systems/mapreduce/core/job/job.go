package job

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// All lists the jobs. A new one is one file and one line here.
var All = []Job{Wordcount, Invertedindex, Grep, Sort, Totalsort}

// Job is something that can be run over files.
type Job struct {
	Name    string // one lower-case word, as typed on the command line
	Summary string // one line for lists
	Args    []Arg  // what a person may set; each becomes a flag

	// Ordered says that all keys of a reduce task come before those of the next:
	// the output files one after the other are sorted. Where the ranges begin is
	// taken from a sample of the input; see [Program.Bounds].
	Ordered bool

	// New makes the functions of one task from the arguments' values, every
	// one of Args by name. An error names the argument.
	New func(args map[string]string) (Program, error)
}

// Arg is an argument of a job, such as grep's pattern.
type Arg struct {
	Name     string // lower case, also the flag's name
	Help     string // one line
	Default  string
	Required bool // empty is an error
}

// Input is what one call of a Map function sees: one or more whole records. A
// record is a line with its line feed, if it has one.
type Input struct {
	File  string // the input file's name as typed on the command line
	Block []byte // not to be changed, and not to be kept after Map returns
}

// Program is a job's functions for one task. They are called by one goroutine
// at a time, and may keep scratch memory between calls, but nothing that
// changes what they return: tasks run more than once, in any process.
type Program struct {
	// Map emits pairs for the records of a block. How records are grouped
	// into blocks must not matter.
	Map func(in Input, out *Emitter)

	// Combine joins two numbers of one key, in any order and grouping. Nil:
	// all of a key's numbers travel to its reduce call.
	Combine func(a, b uint64) uint64

	// CombineText joins two texts of one key likewise. The result may be
	// either of them or appended to scratch[:0]. Nil: all texts travel.
	CombineText func(scratch, a, b []byte) []byte

	// Idempotent says that a text joined with itself is that text, so that
	// CombineText need not be called to find that out.
	Idempotent bool

	// Reduce is called once for each key, keys sorted bytewise, with all its
	// values, and writes lines. The key is valid until it returns.
	Reduce func(key []byte, values *Values, out *Output)

	// Texts says that pairs carry texts (Emitter.Text); otherwise they carry
	// numbers (Emitter.Number).
	Texts bool

	// Cut returns how much of a block without a line end may be handed to Map
	// before the rest is known: a length in [0, len(block)], 0 for none yet.
	// Nil: a record is only ever cut at its line feed, so a line must fit in
	// memory.
	Cut func(block []byte) int

	// Bounds are where the ranges of keys begin that reduce tasks have, ascending,
	// the first's left out. None: keys are spread by their hash.
	Bounds [][]byte
}

// WithoutCombiner returns the program with all values travelling.
func (p Program) WithoutCombiner() Program {
	p.Combine, p.CombineText = nil, nil
	return p
}

// Lookup finds a job by name. The error lists the names.
func Lookup(name string) (Job, error) {
	if i := slices.IndexFunc(All, func(j Job) bool { return j.Name == name }); i >= 0 {
		return All[i], nil
	}
	return Job{}, fmt.Errorf("job %q is not one of %s", name, strings.Join(Names(), ", "))
}

// Names lists the jobs' names.
func Names() []string {
	names := make([]string, len(All))
	for i, j := range All {
		names[i] = j.Name
	}
	return names
}

// Program makes the functions of one task: it fills in defaults and refuses
// unknown arguments and missing ones by name.
func (j Job) Program(args map[string]string) (Program, error) {
	full := make(map[string]string, len(j.Args))
	for _, a := range j.Args {
		v, given := args[a.Name]
		if !given {
			v = a.Default
		}
		if v == "" && a.Required {
			return Program{}, fmt.Errorf("job %s needs --%s: %s", j.Name, a.Name, a.Help)
		}
		full[a.Name] = v
	}
	for name := range args {
		if _, known := full[name]; !known {
			return Program{}, fmt.Errorf("job %s has no argument %q", j.Name, name)
		}
	}
	return j.New(full)
}

// Part says which of reduces reduce tasks a key belongs to, the same in every
// process: by its range, or without bounds by [Partition].
func (p *Program) Part(key []byte, reduces int) int {
	if len(p.Bounds) == 0 {
		return Partition(key, reduces)
	}
	below := sort.Search(len(p.Bounds), func(i int) bool { return bytes.Compare(p.Bounds[i], key) > 0 })
	return min(below, reduces-1)
}

// Partition spreads keys over reduces reduce tasks: FNV-1a modulo their number,
// the same in every process and on every machine.
func Partition(key []byte, reduces int) int {
	h := uint64(14695981039346656037)
	for _, b := range key {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return int(h % uint64(reduces))
}

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

// parts emits parts of a block, from one edge to the next by turns, all with the
// same number or text.
func (e *Emitter) parts(block []byte, edges []int, n uint64, text []byte) {
	for len(edges) > 1 {
		keys := e.keys[e.n:]
		keys = keys[:min(len(keys), len(edges)/2)]
		for i := range keys {
			keys[i] = block[edges[2*i]:edges[2*i+1]]
		}
		if e.isText {
			for i := range keys {
				e.texts[e.n+i] = text
			}
		} else {
			for i := range keys {
				e.numbers[e.n+i] = n
			}
		}
		edges = edges[2*len(keys):]
		if e.n += len(keys); e.n == BatchPairs {
			e.Flush()
		}
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
