package lookaside

import (
	"context"
	"sync"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	"dyno/systems/lookaside/wait"
)

// finder knows where the balancer is now and keeps a connection to it.
type finder struct {
	dir  *directory
	addr wait.Latest[string] // empty: none is known

	mu   sync.Mutex
	conn *grpc.ClientConn
	to   string // where conn goes
}

func newFinder(dir *directory) *finder { return &finder{dir: dir} }

// run follows the directory until the context ends. Of several balancers the
// one announced last counts: after a restart the old one's lease may live on
// for leaseTTL. When none is announced, the last one known is kept: it may
// have lost its lease only.
func (f *finder) run(ctx context.Context) {
	f.dir.follow(ctx, f.dir.balancers(), func(entries []entry, _ int64) {
		if n := len(entries); n > 0 {
			f.addr.Set(entries[n-1].Address)
		}
	})
}

// connect returns a connection to the balancer as of now, nil while none is
// known, and a channel that is closed once it is another one. A connection is
// closed when the balancer has moved: nobody answers there any more.
func (f *finder) connect() (*grpc.ClientConn, <-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	addr, moved := f.addr.Get()
	if addr == f.to {
		return f.conn, moved, nil
	}
	f.drop()
	conn, err := rpc.Dial(addr)
	if err != nil {
		return nil, moved, err
	}
	f.conn, f.to = conn, addr
	return conn, moved, nil
}

// close closes the connection.
func (f *finder) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop()
}

func (f *finder) drop() {
	if f.conn != nil {
		_ = f.conn.Close()
	}
	f.conn, f.to = nil, ""
}
