package security

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"gopkg.in/natefinch/lumberjack.v2"
)

// Log is a role's log: lines of JSON, without secrets, in a file that is
// replaced when it is full. Lines reach the file within a second, warnings at
// once.
type Log struct {
	*slog.Logger
	out *buffered
}

const (
	logMegabytes = 64 // of a file; one full one is kept beside it
	logBuffer    = 64 << 10
	logDelay     = 200 * time.Millisecond
)

// OpenLog continues a log.
func OpenLog(path string) *Log {
	file := &lumberjack.Logger{Filename: path, MaxSize: logMegabytes, MaxBackups: 1}
	return newLog(file, file)
}

func newLog(w io.Writer, c io.Closer) *Log {
	b := &buffered{to: w, w: bufio.NewWriterSize(w, logBuffer), file: c, stop: make(chan struct{})}
	b.flusher.Go(b.run)
	return &Log{Logger: slog.New(slog.NewJSONHandler(b, nil)), out: b}
}

// Close writes what is left.
func (l *Log) Close() error {
	if l.out == nil {
		return nil
	}
	return l.out.close()
}

// buffered gathers lines, since a write for each would cost more than the line.
type buffered struct {
	mu      sync.Mutex
	to      io.Writer
	w       *bufio.Writer
	file    io.Closer
	stop    chan struct{}
	flusher sync.WaitGroup
}

func (b *buffered) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.w.Write(line)
}

// flush writes the lines out. Those that cannot be written are lost, so that later
// ones are not: a writer that has failed writes nothing any more.
func (b *buffered) flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.w.Flush()
	if err != nil {
		b.w.Reset(b.to)
	}
	return err
}

func (b *buffered) run() {
	tick := time.NewTicker(logDelay)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = b.flush() // a log that cannot be written must not stop payments
		case <-b.stop:
			return
		}
	}
}

func (b *buffered) close() error {
	close(b.stop)
	b.flusher.Wait()
	return errors.Join(b.flush(), b.file.Close())
}

// call logs a call that is over.
func (l *Log) call(ctx context.Context, c *Call, req, resp any, err error, took time.Duration) {
	level, code, message := slog.LevelInfo, codes.OK, ""
	if err != nil {
		s := status.Convert(err)
		if level, code, message = slog.LevelWarn, s.Code(), s.Message(); code == codes.Unknown {
			code = status.FromContextError(err).Code()
		}
	}
	line := l.Line(level, "call").who(c).Text("code", code.String()).Int("us", took.Microseconds()).
		Text("key", c.Key).Text("tx", c.Tx).Text("amount", c.Amount).Text("error", message)
	if c.Attempt > 0 {
		line.Int("attempt", int64(c.Attempt))
	}
	line.message("request", req).message("response", resp)
	if err != nil {
		line.Text("metadata", allowed(ctx))
	}
	line.End()
	if line != nil && err != nil {
		_ = l.out.flush()
	}
}

// opened logs that a stream begins.
func (l *Log) opened(c *Call) { l.Line(slog.LevelInfo, "stream").who(c).End() }

// who says who makes a call.
func (l *Line) who(c *Call) *Line {
	if l == nil {
		return nil
	}
	return l.Text("method", c.Method).Text("peer", c.Party.String()).Text("addr", c.Addr).Text("cert", c.CertID()).
		Text("user", c.Session.User).Text("role", c.Session.Role)
}

// message adds a request or a response, redacted.
func (l *Line) message(name string, m any) *Line {
	if p, ok := m.(proto.Message); ok && l != nil && p.ProtoReflect().IsValid() {
		l.Text(name, Redacted(p))
	}
	return l
}

// allowed renders a call's metadata without what may be a secret.
func allowed(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	var b strings.Builder
	for name, values := range md {
		if secret(name) {
			values = []string{hidden}
		}
		b.WriteString(name + "=" + strings.Join(values, ",") + " ")
		if b.Len() > maxRendered {
			break
		}
	}
	return strings.TrimSpace(b.String())
}

// secret reports whether metadata of a name is never logged.
func secret(name string) bool {
	for _, part := range [...]string{authorization, "cookie", "token", "password", "secret", "-bin"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
