package rival

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/bench/rival"
	"dyno/internal/record"
	"dyno/systems"
)

// The keys: a balance for each client, or a list of its writes, and the list of
// the client who stays.
func balanceKey(client int) string { return "account:" + strconv.Itoa(client) }
func listKey(client int) string    { return "writes:" + strconv.Itoa(client) }

const stayKey = "writes:stay"

// report is what the loader prints.
type report struct {
	driver.Report
	Done   []tally `json:"done"`             // by client
	Gaps   []gap   `json:"gaps,omitempty"`   // in which no write was acknowledged
	Stayed []stay  `json:"stayed,omitempty"` // what the client who stays was told
}

// tally is what became of one client's writes, which are numbered from 0.
type tally struct {
	Sent    int64   `json:"sent"`
	Unknown []int64 `json:"unknown,omitempty"` // those that were not acknowledged; all others were
}

// acked says how many writes were acknowledged.
func (t tally) acked() int64 { return t.Sent - int64(len(t.Unknown)) }

// gap is a time without an acknowledged write.
type gap struct {
	FromUnixNS int64 `json:"from_unix_ns"`
	ToUnixNS   int64 `json:"to_unix_ns"`
}

// stay is a write that was acknowledged to the client who stays.
type stay struct {
	N      int64 `json:"n"`
	UnixNS int64 `json:"unix_ns"` // when
}

func loaderRole(system string) systems.Role {
	return systems.Role{Command: systems.Command{
		Name:    rival.RoleLoader,
		Summary: "deposits at Redis, for trials that measure it beside the system",
		Example: "dyno " + system + " " + rival.RoleLoader + " --redis 127.0.0.1:6379 --clients 32 --length 2s",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			l := &loader{flags: driver.BindFlags(fs)}
			fs.StringVar(&l.addr, "redis", "127.0.0.1:6379", "HOST:PORT of the primary")
			fs.IntVar(&l.clients, knobClients, 32, "clients, each with a connection and one write in flight")
			fs.BoolVar(&l.wait, "wait", true, "ask for the replica's receipt of each write")
			sentinels := fs.String("sentinels", "",
				"HOST:PORT of sentinels, separated by commas: who the primary is, they say; writes are told apart")
			return func(ctx context.Context, sh systems.Shell) error {
				if err := l.flags.Check(); err != nil {
					return err
				}
				if *sentinels != "" {
					l.finder = &finder{addr: l.addr, sentinels: strings.Split(*sentinels, ",")}
				}
				r, err := l.run(ctx)
				if err != nil {
					return err
				}
				if l.flags.JSON {
					return json.NewEncoder(sh.Out).Encode(r)
				}
				return r.Print(sh.Out, driver.Closed, l.flags.MaxFailures)
			}
		},
	}}
}

// loader drives Redis in a closed loop.
type loader struct {
	flags   *driver.Flags
	addr    string
	clients int
	wait    bool
	finder  *finder // nil: the primary stays what it is
	errors  load.FirstError
	silence silence
}

func (l *loader) run(ctx context.Context) (report, error) {
	writers := make([]*writer, l.clients)
	for i := range writers {
		writers[i] = &writer{loader: l, id: i}
		defer writers[i].close()
	}
	meter := driver.StartMeter(l.flags.Warmup, l.flags.Length)
	loop, err := l.flags.Loop(driver.Closed, driver.Model{Clients: l.clients})
	if err != nil {
		return report{}, err
	}
	staying, leave := context.WithCancel(ctx)
	var r report
	var aside sync.WaitGroup
	if l.finder != nil {
		aside.Go(func() { r.Stayed = l.stay(staying) })
	}
	sum, err := loop(ctx, func(ctx context.Context, client int) (int32, record.Outcome) { return writers[client].write(ctx) })
	leave()
	aside.Wait()
	sum.FirstError = l.errors.String()
	r.Report = driver.Report{Summary: sum}
	r.Meter(meter)
	if l.finder != nil {
		l.silence.end() // nobody may have been served to the end
	}
	r.Gaps = l.silence.gaps
	for _, w := range writers {
		r.Done = append(r.Done, w.tally)
	}
	return r, err
}

// writer is one client.
type writer struct {
	loader *loader
	id     int
	conn   *rival.Conn
	to     string // the server that conn leads to
	tally  tally
}

func (w *writer) close() {
	if w.conn != nil {
		_ = w.conn.Close()
		w.conn = nil
	}
}

// Bounds of one attempt where servers may be gone, and of the time between two.
const (
	attemptBound = 300 * time.Millisecond
	attemptPause = 5 * time.Millisecond
)

// write does one write. Where servers may be gone, it is tried again until it is
// acknowledged.
func (w *writer) write(ctx context.Context) (int32, record.Outcome) {
	n := w.tally.Sent
	w.tally.Sent++
	err := w.attempt(ctx, n)
	for err != nil && w.loader.finder != nil && ctx.Err() == nil {
		time.Sleep(attemptPause)
		bounded, cancel := context.WithTimeout(ctx, attemptBound)
		w.loader.finder.look(bounded)
		cancel()
		err = w.attempt(ctx, n)
	}
	if err != nil {
		w.loader.errors.Note(err.Error())
		w.tally.Unknown = append(w.tally.Unknown, n)
		return -1, record.Unknown
	}
	w.loader.silence.end()
	return 0, record.OK
}

// attempt writes once. After an error the connection is of no more use: answers
// that are still to come would be taken for those of other writes.
func (w *writer) attempt(ctx context.Context, n int64) (err error) {
	write, wait, addr := []string{"INCRBY", balanceKey(w.id), "1"}, "0", w.loader.addr
	if f := w.loader.finder; f != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, attemptBound)
		defer cancel()
		write, wait, addr = []string{"RPUSH", listKey(w.id), strconv.FormatInt(n, 10)}, "200", f.primary()
	}
	if w.conn != nil && w.to != addr {
		w.close()
	}
	if w.conn == nil {
		if w.conn, err = rival.DialRedis(ctx, addr); err != nil {
			return err
		}
		w.to = addr
	}
	if err = writeOnce(ctx, w.conn, w.loader.wait, wait, write); err != nil {
		w.close()
	}
	return err
}

var errNoReceipt = errors.New("the replica did not say that it has the write")

// writeOnce sends a write and the question for the replica's receipt together.
func writeOnce(ctx context.Context, c *rival.Conn, wait bool, patience string, write []string) error {
	commands := [][]string{write}
	if wait {
		commands = append(commands, []string{"WAIT", "1", patience})
	}
	replies, err := c.Pipe(ctx, commands...)
	if err != nil {
		return err
	}
	for _, r := range replies {
		if no, is := r.(rival.RedisError); is {
			return no
		}
	}
	if got, _ := replies[len(replies)-1].(int64); wait && got < 1 {
		return errNoReceipt
	}
	return nil
}

// stayPause is the time between two writes of the client who stays.
const stayPause = 2 * time.Millisecond

// stay writes through one connection to the first primary for as long as that
// takes writes, however long it is silent: a client without a time-out.
func (l *loader) stay(ctx context.Context) (acked []stay) {
	c, err := rival.DialRedis(ctx, l.addr)
	if err != nil {
		return nil
	}
	defer c.Close()
	for n := int64(0); ctx.Err() == nil; n++ {
		err := writeOnce(ctx, c, l.wait, "200", []string{"RPUSH", stayKey, strconv.FormatInt(n, 10)})
		switch {
		case err == nil:
			acked = append(acked, stay{n, time.Now().UnixNano()})
		case !errors.Is(err, errNoReceipt):
			return acked // it is a replica now, or gone
		}
		time.Sleep(stayPause)
	}
	return acked
}

// Gaps that are kept: those of some length, so many.
const (
	leastGap = 20 * time.Millisecond
	mostGaps = 10_000
)

// silence finds the times without an acknowledged write.
type silence struct {
	mu   sync.Mutex
	last int64
	gaps []gap
}

func (s *silence) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UnixNano()
	if s.last != 0 && now-s.last >= int64(leastGap) && len(s.gaps) < mostGaps {
		s.gaps = append(s.gaps, gap{s.last, now})
	}
	s.last = now
}

// finder knows who the primary is, as sentinels say.
type finder struct {
	sentinels []string
	mu        sync.Mutex
	addr      string
	looked    time.Time
}

func (f *finder) primary() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.addr
}

// look asks the sentinels, the first that answers; who comes meanwhile takes over
// the answer.
func (f *finder) look(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) < attemptPause {
		return
	}
	for _, s := range f.sentinels {
		if addr, err := (&rival.Redis{Endpoint: s}).Primary(ctx); err == nil {
			f.addr, f.looked = addr, time.Now()
			return
		}
	}
}
