package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
)

// MaxLine bounds a line of trials.jsonl, in bytes.
const MaxLine = 16 << 20

// Head is the end of the chain of sealed trials. Every line of trials.jsonl ends
// in a seal, a hash of the rest of the line, and names the seal of the line
// before it; run.json holds the head. A number that was edited, a line that was
// moved or removed is found. It proves that a file is as it was written, not
// that what was written is true: whoever edits can seal again.
type Head struct {
	Trials int    `json:"trials"` // sealed lines
	Seal   string `json:"seal"`   // of the last of them; empty: not sealed, by a version before there were seals
}

// NewHead is the head of an experiment's empty chain.
func NewHead(experiment string) Head { return Head{Seal: digest([]byte("trials of " + experiment))} }

// digest is the first half of the SHA-256 of texts one after the other.
func digest(texts ...[]byte) string {
	hash := sha256.New()
	for _, text := range texts {
		hash.Write(text)
	}
	return hex.EncodeToString(hash.Sum(nil)[:sha256.Size/2])
}

// with adds a text to a JSON object.
func with(object []byte, key, text string) []byte {
	return append(bytes.TrimSuffix(object, []byte("}")), `,"`+key+`":"`+text+`"}`...)
}

// Append makes a line of a JSON object, and the head that it makes.
func (h Head) Append(object []byte) (line []byte, next Head) {
	body := with(object, "prev", h.Seal)
	next = Head{h.Trials + 1, digest(body)}
	return append(with(body, "seal", next.Seal), '\n'), next
}

// Add makes the line of a trial, and the head that it makes.
func (h Head) Add(t *Trial) (line []byte, next Head, err error) {
	t.Prev, t.Seal = "", ""
	object, err := json.Marshal(t)
	if err != nil {
		return nil, h, fmt.Errorf("trial %s: %w", t.ID, err)
	}
	line, next = h.Append(object)
	if t.Prev, t.Seal = h.Seal, next.Seal; len(line) > MaxLine {
		return nil, h, fmt.Errorf("trial %s: a line of %d bytes, more than the limit of %d", t.ID, len(line), MaxLine)
	}
	return line, next, nil
}

// Chain is what a file of trials holds.
type Chain struct {
	Trials  []*Trial // those that are as they were sealed, in the order of the file
	Head    Head
	End     int64    // bytes of whole lines: where the next line goes
	Open    bool     // the last whole line has no newline yet
	Torn    int      // number of a last line that was not written to its end (a crash); 0: none
	Garbage []string // "LINE: why": lines that hold no trial; none is missing
	Broken  []string // "LINE: why": sealed trials are missing, moved or changed
	Run     error    // why run.json is not as it was sealed, if it is not

	number int            // of the last line
	before int            // a line that holds no trial came right before; 0: none did
	lines  map[string]int // of trials, by id
}

// Text is run.json: all of a run, sealed like the trials, so that an edited claim
// or unit is found as an edited figure is.
func (r *Run) Text() ([]byte, error) {
	r.Seal = ""
	open, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if r.Seal, _, err = sealOf(open); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(r, "", " ")
	return append(text, '\n'), err
}

// CheckText reports a run.json that is not what [Run.Text] wrote, its seal included.
func CheckText(text []byte) error {
	if seal, stated, err := sealOf(text); err != nil || seal == stated {
		return err
	}
	return errEdited
}

// sealOf is the hash of a JSON object without its key seal, whatever the order of
// its keys and the blanks between them: fields that another version adds are
// part of it. That key states what the hash should be.
func sealOf(text []byte) (hash, stated string, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return "", "", err
	}
	if own, ok := fields["seal"]; ok {
		if err := json.Unmarshal(own, &stated); err != nil {
			return "", "", err
		}
		delete(fields, "seal")
	}
	canonical, err := json.Marshal(fields)
	if err != nil {
		return "", "", err
	}
	return fmt.Sprintf("%x", sha256.Sum256(canonical)), stated, nil
}

// ErrUnsealed says that results were written before there were seals.
var ErrUnsealed = errors.New("not sealed: stored by a version older than seals, which this one does not read")

// errEdited says that a line holds a trial, but not the one that was sealed.
var errEdited = errors.New("the content is not what was sealed: it was changed")

// ReadChain reads trials.jsonl and holds it against the head in run.json. Lines
// behind the head are good: a crash may come between the two. An error is that of
// the reader.
func ReadChain(experiment string, head Head, r io.Reader) (*Chain, error) {
	return readChain(experiment, head, r, false)
}

// ReadVerdicts is [ReadChain] for whoever asks only what was measured, and how it
// ended: of the observations there are counts, failures, verdicts and flags, at a
// fraction of the time and memory.
func ReadVerdicts(experiment string, head Head, r io.Reader) (*Chain, error) {
	return readChain(experiment, head, r, true)
}

func readChain(experiment string, head Head, r io.Reader, verdicts bool) (*Chain, error) {
	c := &Chain{Head: NewHead(experiment), lines: make(map[string]int)}
	found := head.Seal == c.Head.Seal
	decoders := make([]*decoder, runtime.GOMAXPROCS(0))
	for i := range decoders {
		decoders[i] = &decoder{scanner: *newScanner(), verdicts: verdicts}
	}
	in := lineReaders.Get().(*lineReader)
	defer lineReaders.Put(in)
	in.in.Reset(r)
	for c.Torn == 0 {
		batch, err := in.next()
		if err != nil {
			return nil, err
		}
		if len(batch) == 0 {
			break
		}
		unsealAll(batch, decoders)
		for _, l := range batch {
			found = c.take(l) == head.Seal || found
		}
	}
	if c.Torn > 0 && head.Trials == c.Head.Trials+1 {
		found = true // it was whole once: the disk lost its end
	}
	if !found {
		c.blame(&c.Broken, c.number+1,
			fmt.Errorf("run.json counts %d sealed trials, here the chain ends after %d: the last were removed", head.Trials, c.Head.Trials))
	}
	c.lines = nil
	return c, nil
}

// take adds a line to the chain, and returns its seal; empty: it has none.
func (c *Chain) take(l line) string {
	c.number++
	t, err := l.trial, l.err
	c.Open = !bytes.HasSuffix(l.text, []byte("\n"))
	if err != nil && c.Open {
		c.Torn, c.Open = c.number, false
		return ""
	}
	c.End += int64(len(l.text))
	if t == nil {
		c.blame(&c.Garbage, c.number, err)
		c.before = c.number
		return ""
	}
	c.link(t, c.number)
	t.Line = c.number
	if first := c.lines[t.ID]; err == nil && first > 0 {
		err = fmt.Errorf("trial %s was given in line %d already", t.ID, first)
	}
	if err != nil {
		c.blame(&c.Broken, c.number, err)
		return t.Seal
	}
	c.lines[t.ID] = c.number
	c.Trials = append(c.Trials, t)
	return t.Seal
}

// link moves the head on to a line, whether or not it follows the one before.
func (c *Chain) link(t *Trial, number int) {
	switch {
	case t.Prev == c.Head.Seal:
	case c.before > 0:
		c.blame(&c.Broken, c.before, errors.New("held a sealed trial"))
	default:
		c.blame(&c.Broken, number, errors.New("does not follow the line before it: a line was removed, added or moved"))
	}
	c.Head, c.before = Head{c.Head.Trials + 1, t.Seal}, 0
}

func (c *Chain) blame(list *[]string, number int, err error) {
	*list = append(*list, fmt.Sprintf("%d: %v", number, err))
}

// unseal reads a line. With errEdited comes what the line says now; with any
// other error, nothing.
func unseal(line []byte, d *decoder) (*Trial, error) {
	if len(line) > MaxLine {
		return nil, fmt.Errorf("a line of %d bytes, more than the limit of %d", len(line), MaxLine)
	}
	t, err := d.decode(line)
	if err != nil {
		return nil, fmt.Errorf("not a trial: %w", err)
	}
	if t.Seal == "" {
		return nil, errors.New("not a sealed trial")
	}
	body, ok := bytes.CutSuffix(bytes.TrimSuffix(line, []byte("\n")), with(nil, "seal", t.Seal))
	if !ok || digest(body, []byte("}")) != t.Seal {
		return t, errEdited
	}
	return t, nil
}
