package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"regexp"
	"sync"
	"time"

	"dyno/bench/fault"
)

// Defaults of [Options].
const (
	DefaultListen      = "127.0.0.1:0"
	DefaultBuffer      = 4 << 20
	DefaultMaxConns    = 1024
	DefaultDialTimeout = 5 * time.Second
)

// Options say what a [Link] connects and within which bounds. The zero value
// of every field is of use.
type Options struct {
	// From and To name the two sides, for a Network, its faults and the seed:
	// letters, digits, dots, hyphens and underscores.
	From, To string

	// Listen is the address that stands for the target; "": DefaultListen.
	Listen string

	// Target is where connections lead, host:port. While it is empty they are
	// reset, as if nobody were listening; see [Link.SetTarget].
	Target string

	// Seed is where all chances come from, together with From and To, the
	// number of the connection and the direction.
	Seed uint64

	// Trace has the link remember what came to it, and when; see [Network.Trace].
	Trace bool

	// Rules apply from the start.
	Rules Rules

	// Buffer is how many bytes the link holds per connection and direction;
	// 0: DefaultBuffer. When it is full, the sender has to wait. A delay
	// therefore limits a connection to Buffer per delay. Memory is taken only
	// as far as it is needed, and given back when the connection ends.
	Buffer int

	// MaxConns is how many connections may be open at once; 0:
	// DefaultMaxConns. Those beyond are reset.
	MaxConns int

	// Elsewhere makes a link on another machine, which this one only commands; nil: the
	// link is of this process. Of one elsewhere there are no counters, and no trace.
	Elsewhere func(Options) (Far, error)

	// DialTimeout bounds the time to reach the target; 0: DefaultDialTimeout.
	DialTimeout time.Duration
}

// Far is a link on another machine. It ends with what made it.
type Far interface {
	Addr() string
	Strike(f fault.Fault, ends bool) error
}

// sideName is what a side may be called: what a process may be called.
var sideName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`) })

// complete checks the options and fills in the defaults.
func (o Options) complete() (Options, error) {
	for _, name := range []string{o.From, o.To} {
		if name != "" && !sideName().MatchString(name) {
			return o, fmt.Errorf("%v: %q is no name of a side: use letters, digits, dots, hyphens and underscores", o, name)
		}
	}
	if o.Buffer < 0 || o.MaxConns < 0 || o.DialTimeout < 0 {
		return o, fmt.Errorf("%v: Buffer %d, MaxConns %d and DialTimeout %v must not be negative", o, o.Buffer, o.MaxConns, o.DialTimeout)
	}
	if err := o.Rules.check(); err != nil {
		return o, fmt.Errorf("%v: %w", o, err)
	}
	if err := checkTarget(o.Target); err != nil {
		return o, fmt.Errorf("%v: %w", o, err)
	}
	if o.Listen == "" {
		o.Listen = DefaultListen
	}
	if o.Buffer == 0 {
		o.Buffer = DefaultBuffer
	}
	if o.MaxConns == 0 {
		o.MaxConns = DefaultMaxConns
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = DefaultDialTimeout
	}
	return o, nil
}

func checkTarget(target string) error {
	if target == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(target)
	if err == nil && (port == "" || port == "0") {
		err = errors.New("no port")
	}
	if err != nil {
		return fmt.Errorf("target %q is not host:port: %w", target, err)
	}
	return nil
}

// String names the link in errors.
func (o Options) String() string {
	if o.From == "" && o.To == "" {
		return "link"
	}
	return fmt.Sprintf("link %s->%s", o.From, o.To)
}

// chance returns the random numbers for one purpose of one connection. Those
// of other links, connections and purposes are independent of them.
func (o *Options) chance(ordinal int64, purpose string) *rand.Rand {
	h := fnv.New64a()
	for _, part := range []string{o.From, o.To, purpose} {
		_, _ = h.Write([]byte(part))
		_, _ = h.Write([]byte{0})
	}
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(ordinal)))
	return rand.New(rand.NewPCG(o.Seed, h.Sum64()))
}
