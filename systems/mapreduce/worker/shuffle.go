package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/core/task"
)

const (
	// pieceBytes is what one answer of Fetch carries: well below gRPC's limit
	// of 4 MiB for a message, well above the cost of one.
	pieceBytes = 128 << 10
	// stallBeats is the silence, in beats, after which a run that is being
	// fetched counts as lost.
	stallBeats = 2 * config.LeaseBeats
)

// shuffleServer serves the runs in the worker's folder.
type shuffleServer struct {
	mapreducev1.UnimplementedShuffleServiceServer
	dir string
}

// Fetch implements ShuffleServiceServer.
func (s *shuffleServer) Fetch(r *mapreducev1.FetchRequest, stream grpc.ServerStreamingServer[mapreducev1.FetchResponse]) error {
	if !isJobID(r.GetJobId()) || r.GetMap() < 0 || r.GetReduce() < 0 {
		return rpc.Errorf(rpc.Invalid, "no run is called %q", task.RunName(r.GetJobId(), int(r.GetMap()), int(r.GetReduce())))
	}
	f, err := os.Open(config.RunPath(s.dir, r.GetJobId(), int(r.GetMap()), int(r.GetReduce())))
	if errors.Is(err, fs.ErrNotExist) {
		return rpc.Errorf(rpc.NotFound, "%v", err)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		piece := make([]byte, pieceBytes) // gRPC may keep it beyond Send
		n, err := io.ReadFull(f, piece)
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return err
		}
		if err := stream.Send(&mapreducev1.FetchResponse{Piece: piece[:n], Complete: end}); err != nil || end {
			return err
		}
	}
}

// isJobID keeps names of other files out of paths.
func isJobID(id string) bool {
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return id != ""
}

// fetcher fetches the runs of one reduce task, over one connection per worker.
type fetcher struct {
	job   string
	stall time.Duration
	bytes atomic.Int64 // fetched so far

	mu    sync.Mutex
	conns map[string]*grpc.ClientConn
}

func newFetcher(job string, stall time.Duration) *fetcher {
	return &fetcher{job: job, stall: stall, conns: map[string]*grpc.ClientConn{}}
}

func (f *fetcher) close() {
	for _, c := range f.conns {
		_ = c.Close() // all streams were closed before
	}
}

func (f *fetcher) input(addr string, mapTask, reduceTask int) task.Input {
	return task.Input{Map: mapTask, Open: func(ctx context.Context) (io.ReadCloser, error) {
		conn, err := f.conn(addr)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithCancelCause(ctx)
		r := &runReader{cancel: cancel, stall: f.stall, bytes: &f.bytes}
		r.timer = time.AfterFunc(f.stall, func() { cancel(fmt.Errorf("worker %s has sent nothing for %v", addr, f.stall)) })
		r.timer.Stop() // until somebody waits
		r.ctx = ctx
		r.stream, err = mapreducev1.NewShuffleServiceClient(conn).Fetch(ctx, &mapreducev1.FetchRequest{
			JobId: f.job, Map: int32(mapTask), Reduce: int32(reduceTask),
		})
		if err != nil {
			_ = r.Close()
			return nil, err
		}
		return r, nil
	}}
}

func (f *fetcher) conn(addr string) (*grpc.ClientConn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.conns[addr]; c != nil {
		return c, nil
	}
	c, err := rpc.Dial(addr)
	if err == nil {
		f.conns[addr] = c
	}
	return c, err
}

// runReader reads a run from its stream. Between two pieces no more than the
// stall may pass; gRPC's flow control bounds what waits to be read.
type runReader struct {
	ctx    context.Context
	stream grpc.ServerStreamingClient[mapreducev1.FetchResponse]
	cancel context.CancelCauseFunc
	timer  *time.Timer
	stall  time.Duration
	piece  []byte
	whole  bool
	bytes  *atomic.Int64 // of all runs of the task
}

// Read implements io.Reader.
func (r *runReader) Read(p []byte) (int, error) {
	for len(r.piece) == 0 {
		if r.whole {
			return 0, io.EOF
		}
		r.timer.Reset(r.stall)
		m, err := r.stream.Recv()
		r.timer.Stop()
		switch {
		case errors.Is(err, io.EOF):
			return 0, io.ErrUnexpectedEOF
		case err != nil && r.ctx.Err() != nil:
			return 0, context.Cause(r.ctx)
		case err != nil:
			return 0, err
		}
		r.piece, r.whole = m.GetPiece(), m.GetComplete()
		r.bytes.Add(int64(len(r.piece)))
	}
	n := copy(p, r.piece)
	r.piece = r.piece[n:]
	return n, nil
}

// Close implements io.Closer.
func (r *runReader) Close() error {
	r.timer.Stop()
	r.cancel(nil)
	return nil
}
