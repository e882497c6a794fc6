package security

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strconv"
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

// Line is one line of a log under construction: a JSON object, as slog's JSON
// handler writes it, at a fraction of its cost, since each payment has five of
// them. A nil line takes everything and goes nowhere.
type Line struct {
	log  *Log
	text []byte
}

var spareLines = sync.Pool{New: func() any { return &Line{text: make([]byte, 0, 1024)} }}

// Line begins a line; nil if nothing is logged.
func (l *Log) Line(level slog.Level, message string) *Line {
	if l.out == nil || !l.Enabled(context.Background(), level) {
		return nil
	}
	line := spareLines.Get().(*Line)
	line.log = l
	line.text = append(line.text[:0], `{"time":"`...)
	line.text = time.Now().AppendFormat(line.text, time.RFC3339Nano)
	line.text = append(append(line.text, `","level":"`...), level.String()...)
	line.text = appendText(append(line.text, `","msg":`...), message)
	return line
}

// Text adds a text, unless it is empty.
func (l *Line) Text(name, value string) *Line {
	if l != nil && value != "" {
		l.text = appendText(appendName(l.text, name), value)
	}
	return l
}

// Int adds a number.
func (l *Line) Int(name string, value int64) *Line {
	if l != nil {
		l.text = strconv.AppendInt(appendName(l.text, name), value, 10)
	}
	return l
}

// End hands the line over to the log.
func (l *Line) End() {
	if l == nil {
		return
	}
	l.text = append(l.text, '}', '\n')
	_, _ = l.log.out.Write(l.text) // a log that cannot be written must not stop payments
	spareLines.Put(l)
}

func appendName(b []byte, name string) []byte {
	return append(append(append(b, ',', '"'), name...), '"', ':')
}

// appendText adds a text in JSON.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string can be marshalled
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
