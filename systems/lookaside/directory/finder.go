package directory

import (
	"context"
	"sync"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	"dyno/systems/lookaside/wait"
)

// Finder knows where the balancer is now and keeps a connection to it.
type Finder struct {
	dir  *Directory
	addr wait.Latest[string] // empty: none is known

	mu   sync.Mutex
	conn *grpc.ClientConn
	to   string // where conn goes
}

func NewFinder(dir *Directory) *Finder { return &Finder{dir: dir} }

// Run follows the directory until the context ends. When no balancer is
// announced, the last one known is kept: it may have lost its lease only.
func (f *Finder) Run(ctx context.Context) {
	f.dir.Find(ctx, func(addr string) {
		if addr != "" {
			f.addr.Set(addr)
		}
	})
}

// Connect returns a connection to the balancer as of now, nil while none is
// known, and a channel that is closed once it is another one. A connection is
// closed when the balancer has moved: nobody answers there any more.
func (f *Finder) Connect() (*grpc.ClientConn, <-chan struct{}, error) {
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

// Moved is closed once the balancer is elsewhere.
func (f *Finder) Moved() <-chan struct{} {
	_, moved := f.addr.Get()
	return moved
}

// Close closes the connection.
func (f *Finder) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop()
}

func (f *Finder) drop() {
	if f.conn != nil {
		_ = f.conn.Close()
	}
	f.conn, f.to = nil, ""
}
