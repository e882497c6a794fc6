package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"dyno/internal/replica"
	"dyno/internal/rpc"
	branchbankv1 "dyno/proto/branchbank/v1"
	"dyno/systems/branchbank/core/branch"
)

// deliverTimeout bounds one call between branches. The core asks again long
// before.
const deliverTimeout = time.Second

// link carries messages to one other branch. What it cannot carry it drops: the
// core sends again.
type link interface {
	open()
	send(branch.Message) // returns at once
}

// peer is another branch and the way to it.
type peer struct {
	branch  *Branch
	id      ID
	address string

	mu     sync.Mutex
	client branchbankv1.BranchServiceClient // nil: it was not needed yet
}

// reach returns the client of the other branch.
func (p *peer) reach() (branchbankv1.BranchServiceClient, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client != nil {
		return p.client, nil
	}
	addr, err := p.resolve()
	if err != nil {
		return nil, err
	}
	conn, err := p.branch.dial(addr)
	if err != nil {
		return nil, err
	}
	p.client = branchbankv1.NewBranchServiceClient(conn)
	return p.client, nil
}

// resolve finds the address, which may stand in a file by now.
func (p *peer) resolve() (string, error) {
	path, ok := strings.CutPrefix(p.address, "@")
	if !ok {
		return p.address, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	addr := strings.TrimSpace(string(text))
	if addr == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return addr, nil
}

var errClosing = errors.New("the branch is closing")

// dial connects as the options say; the branch closes what it made itself.
func (b *Branch) dial(addr string) (grpc.ClientConnInterface, error) {
	if b.opt.Dial != nil {
		return b.opt.Dial(addr)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return nil, errClosing
	}
	conn, err := Dial(addr)
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, conn.Close)
	return conn, nil
}

// A group of a hundred branches has 9,900 connections, each used for little, so
// they are made to cost little: small buffers, windows of a fixed size (a connection
// that adapts them pings its peer), no pings when idle (the core asks again when
// an answer is missing), and handlers in goroutines whose stacks have grown.
const (
	buffer  = 4 << 10
	window  = 256 << 10 // more than a batch
	workers = 2

	// reconnectMost bounds the wait between two attempts to connect: a branch that
	// was away is to catch up as soon as it is back.
	reconnectMost = 100 * time.Millisecond
)

// Dial connects to a branch.
func Dial(addr string) (*grpc.ClientConn, error) {
	return rpc.Dial("passthrough:///"+addr,
		grpc.WithReadBufferSize(buffer), grpc.WithWriteBufferSize(buffer),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window), grpc.WithIdleTimeout(0),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: reconnectMost},
			MinConnectTimeout: time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: math.MaxInt64}))
}

var serverOptions = []grpc.ServerOption{
	grpc.ReadBufferSize(buffer), grpc.WriteBufferSize(buffer),
	grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window), grpc.NumStreamWorkers(workers),
}

// unaryLink makes a call of its own for each message.
type unaryLink struct{ *peer }

func (l *unaryLink) open() {}

func (l *unaryLink) send(m branch.Message) {
	l.branch.running.Go(func() {
		ctx, cancel := context.WithTimeout(l.branch.ctx, deliverTimeout)
		defer cancel()
		client, err := l.reach()
		if err != nil {
			return
		}
		w := toWire(m)
		l.branch.weight.weigh(m, w)
		resp, err := client.Deliver(ctx, &branchbankv1.DeliverRequest{Message: w})
		if err != nil || resp.GetMessage() == nil {
			return
		}
		if answer, ok := fromWire(resp.GetMessage()); ok {
			l.branch.take(answer)
		}
	})
}

// weight is how large pushes are. JSON costs more to make than to count with, so
// that is done for some only.
type weight struct{ pushes, bytes, sample, sampleJSON atomic.Uint64 }

// sampleEvery is how many pushes there are to one that is also weighed as JSON.
const sampleEvery = 64

func (w *weight) weigh(m branch.Message, out *branchbankv1.Message) {
	if m.Kind != replica.Push {
		return
	}
	size := uint64(proto.Size(out))
	w.bytes.Add(size)
	if w.pushes.Add(1)%sampleEvery == 1 {
		if text, err := protojson.Marshal(out); err == nil {
			w.sample.Add(size)
			w.sampleJSON.Add(uint64(len(text)))
		}
	}
}
