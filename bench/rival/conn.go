package rival

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// maxReply bounds one string of a reply, in bytes; maxDepth how deep lists nest.
const (
	maxReply = 64 << 20
	maxDepth = 8
)

// RedisError is an answer that says no: "READONLY You can't write …".
type RedisError string

func (e RedisError) Error() string { return string(e) }

// Conn is one connection to Redis, for one caller at a time. After an error that
// is not a [RedisError] it is of no more use.
type Conn struct {
	c   net.Conn
	in  *bufio.Reader
	out *bufio.Writer
}

// DialRedis connects. The context bounds connecting only.
func DialRedis(ctx context.Context, addr string) (*Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Conn{c: c, in: bufio.NewReader(c), out: bufio.NewWriter(c)}, nil
}

// Close ends the connection.
func (c *Conn) Close() error { return c.c.Close() }

// Pipe sends commands together and reads an answer to each: an int64, a string,
// nil, a []any of these, or a [RedisError]. The context's deadline is that of
// all of it.
func (c *Conn) Pipe(ctx context.Context, commands ...[]string) ([]any, error) {
	deadline, _ := ctx.Deadline() // none is the zero time, which means none
	if err := c.c.SetDeadline(deadline); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	for _, words := range commands {
		_, _ = fmt.Fprintf(c.out, "*%d\r\n", len(words)) // Flush returns the error
		for _, w := range words {
			_, _ = c.out.WriteString("$" + strconv.Itoa(len(w)) + "\r\n" + w + "\r\n")
		}
	}
	if err := c.out.Flush(); err != nil {
		return nil, err
	}
	replies := make([]any, len(commands))
	for i := range replies {
		var err error
		if replies[i], err = c.reply(0); err != nil {
			return nil, err
		}
	}
	return replies, nil
}

// Do sends one command. An answer that says no is an error.
func (c *Conn) Do(ctx context.Context, words ...string) (any, error) {
	replies, err := c.Pipe(ctx, words)
	if err != nil {
		return nil, err
	}
	if no, ok := replies[0].(RedisError); ok {
		return nil, fmt.Errorf("%s: %w", words[0], no)
	}
	return replies[0], nil
}

var errReply = errors.New("the server's answer is not one of Redis's protocol")

func (c *Conn) reply(depth int) (any, error) {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	if len(line) < 3 || line[len(line)-2] != '\r' || depth > maxDepth {
		return nil, errReply
	}
	kind, text := line[0], line[1:len(line)-2]
	switch kind {
	case '+':
		return text, nil
	case '-':
		return RedisError(text), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return nil, errReply
	case kind == ':':
		return n, nil
	case n == -1:
		return nil, nil
	case n < 0 || n > maxReply:
		return nil, errReply
	case kind == '$':
		b := make([]byte, n+2)
		_, err := io.ReadFull(c.in, b)
		return string(b[:n]), err
	case kind == '*':
		return c.list(int(n), depth)
	}
	return nil, errReply
}

func (c *Conn) list(n, depth int) (any, error) {
	var out []any
	for range n {
		r, err := c.reply(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}
