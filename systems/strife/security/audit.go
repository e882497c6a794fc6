package security

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"dyno/internal/journal"
)

// Event is one thing that is to be known later: who did what, and what came of
// it. It holds no password, token or account number.
type Event struct {
	Time   time.Time `json:"time"`
	What   string    `json:"what"`           // such as "login" or "paid"
	Who    string    `json:"who,omitempty"`  // a user
	Cert   string    `json:"cert,omitempty"` // short for its certificate
	Key    string    `json:"key,omitempty"`  // hashed
	Tx     string    `json:"tx,omitempty"`
	Amount string    `json:"amount,omitempty"`
	Detail string    `json:"detail,omitempty"`
}

// link is a record of the audit: an event, and the hash of all before it.
type link struct {
	Event
	Before string `json:"before"`
}

// link writes the record of an event behind a head.
func (e Event) link(head [sha256.Size]byte) []byte {
	b := e.Time.AppendFormat(append(make([]byte, 0, 384), `{"time":"`...), time.RFC3339Nano)
	b = appendText(append(b, `","what":`...), e.What)
	for _, f := range [...]struct{ name, value string }{
		{"who", e.Who}, {"cert", e.Cert}, {"key", e.Key}, {"tx", e.Tx}, {"amount", e.Amount}, {"detail", e.Detail},
	} {
		if f.value != "" {
			b = appendText(appendName(b, f.name), f.value)
		}
	}
	b = hex.AppendEncode(append(b, `,"before":"`...), head[:])
	return append(b, '"', '}')
}

// Audit is an append-only list of events in which each names the hash of the
// one before it: none can be changed, removed or put in without changing all
// that follow. [Audit.Head] is what to keep elsewhere to notice that, too.
type Audit struct {
	journal *journal.Journal
	stop    chan struct{}
	syncer  sync.WaitGroup

	mu   sync.Mutex
	head [sha256.Size]byte
	last uint64
}

const (
	auditSegment = 256 << 10
	auditDelay   = time.Second // until a lazy event is on disk
)

// OpenAudit continues the audit in a folder; a chain that is broken is an error.
func OpenAudit(dir, identity string) (*Audit, error) {
	a := &Audit{stop: make(chan struct{})}
	var chain chain
	j, r, err := journal.Open(dir, journal.Options{Identity: identity, Segment: auditSegment}, chain.follow)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	a.journal, a.head, a.last = j, chain.head, r.Last
	a.syncer.Go(a.run)
	return a, nil
}

// chain follows the links of an audit.
type chain struct {
	head  [sha256.Size]byte
	count int
	see   func(Event)
}

func (c *chain) follow(e journal.Entry) error {
	var l link
	if err := json.Unmarshal(e.Data, &l); err != nil {
		return fmt.Errorf("event %d: %w", e.Sequence, err)
	}
	if want := hex.EncodeToString(c.head[:]); l.Before != want {
		return fmt.Errorf("event %d does not follow the one before it: it names %.12s, not %.12s", e.Sequence, l.Before, want)
	}
	c.head = sha256.Sum256(e.Data)
	if c.count++; c.see != nil {
		c.see(l.Event)
	}
	return nil
}

// Note adds an event that may be lost in a crash, with the last second.
func (a *Audit) Note(e Event) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	text := e.link(a.head)
	last, err := a.journal.Enqueue(context.Background(), text)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	a.head, a.last = sha256.Sum256(text), last
	return nil
}

// Force adds an event and returns once it cannot be lost any more.
func (a *Audit) Force(ctx context.Context, e Event) error {
	if err := a.Note(e); err != nil {
		return err
	}
	return a.sync(ctx)
}

func (a *Audit) sync(ctx context.Context) error {
	a.mu.Lock()
	last := a.last
	a.mu.Unlock()
	return a.journal.Sync(ctx, last)
}

func (a *Audit) run() {
	tick := time.NewTicker(auditDelay)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = a.sync(context.Background()) // a failure is told to who adds next
		case <-a.stop:
			return
		}
	}
}

// Failed is closed when no event can be added any more; Err says why. Whoever acts
// must end then: nothing is done without a trace.
func (a *Audit) Failed() <-chan struct{} { return a.journal.Failed() }

// Err says why no event can be added; nil while it can.
func (a *Audit) Err() error {
	if err := a.journal.Err(); err != nil && !errors.Is(err, journal.ErrClosed) {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// Close makes everything durable.
func (a *Audit) Close() error {
	close(a.stop)
	a.syncer.Wait()
	return errors.Join(a.sync(context.Background()), a.journal.Close())
}

// ScanAudit checks the chain of an audit that nobody has open and shows its
// events; the error says where it breaks.
func ScanAudit(dir, identity string, see func(Event)) (count int, err error) {
	c := chain{see: see}
	_, err = journal.Scan(dir, journal.Options{Identity: identity, Segment: auditSegment}, c.follow)
	return c.count, err
}
