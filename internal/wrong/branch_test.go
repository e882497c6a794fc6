package wrong

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/branches/group"
	"dyno/internal/rpc"
	branchbankv1 "dyno/proto/branchbank/v1"
)

// What a branch may do wrong; each leaves out one thing that the right one does.
const (
	right         = "right"
	lostUpdate    = "lost-update"    // two customers at once: the balance is read before and written after
	doubleApply   = "double-apply"   // what is asked again is done again
	staleRead     = "stale-read"     // queries are answered from a copy that is refreshed now and then
	unequal       = "unequal"        // cut off, it goes on by itself and tells nobody
	forgetsKilled = "forgets-killed" // writes down what it knows when it is asked to stop
	beforeDurable = "before-durable" // answers, and writes down soon
	refreshEvery  = 25 * time.Millisecond
	flushEvery    = 150 * time.Millisecond
	forwardFor    = 900 * time.Millisecond
	giveUpAfter   = 270 * time.Millisecond // on the primary, when it is cut off
)

// branch is a bank that has nothing of dyno's: the first branch holds the one
// account and does everything; the others pass on what they are asked.
type branch struct {
	branchbankv1.UnimplementedBranchServiceServer
	wrong   string
	primary branchbankv1.BranchServiceClient // nil: this is the one

	mu      sync.Mutex
	balance int64
	done    map[string]*branchbankv1.ExecuteResponse // by request id
	file    *os.File
	pending *bufio.Writer
	alone   int64 // what it did by itself
	copied  int64
	at      time.Time // of the copy
}

// runBranch is the role.
func runBranch(ctx context.Context, wrong string, args []string, errOut io.Writer) error {
	f := flagsOf(args)
	b := &branch{wrong: wrong, done: make(map[string]*branchbankv1.ExecuteResponse)}
	fmt.Sscan(f["balance"], &b.balance)
	var peers group.Peers
	if err := peers.Set(f["peers"]); err != nil {
		return err
	}
	var self int
	fmt.Sscan(f["id"], &self)
	if self != 1 {
		conn, err := rpc.Dial("passthrough:///first", grpc.WithContextDialer(later(peers[1])))
		if err != nil {
			return err
		}
		defer conn.Close()
		b.primary = branchbankv1.NewBranchServiceClient(conn)
	} else if f["data"] != "" {
		if err := b.recover(f["data"]); err != nil {
			return err
		}
		defer b.keep()
	}
	return rpc.Serve(ctx, rpc.Options{Listen: f["listen"], Log: slog.New(slog.NewTextHandler(errOut, nil))}, func(r grpc.ServiceRegistrar) {
		branchbankv1.RegisterBranchServiceServer(r, b)
	})
}

// Execute implements branchbankv1.BranchServiceServer.
func (b *branch) Execute(ctx context.Context, req *branchbankv1.ExecuteRequest) (*branchbankv1.ExecuteResponse, error) {
	if k := req.GetKind(); k < branchbankv1.Kind_KIND_QUERY || k > branchbankv1.Kind_KIND_WITHDRAW || k != branchbankv1.Kind_KIND_QUERY && req.GetAmount() < 1 {
		return nil, rpc.InvalidField("kind", "not a query, or a deposit or withdrawal of 1 or more")
	}
	if b.primary == nil {
		return b.execute(req)
	}
	if b.wrong == staleRead && req.GetKind() == branchbankv1.Kind_KIND_QUERY {
		return b.stale(ctx, req)
	}
	return b.forward(ctx, req)
}

// execute does what is asked at the one account.
func (b *branch) execute(req *branchbankv1.ExecuteRequest) (*branchbankv1.ExecuteResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := req.GetRequestId()
	if before := b.done[id]; before != nil && id != "" && b.wrong != doubleApply {
		return before, nil
	}
	change := changeOf(req)
	if b.balance+change < 0 {
		return &branchbankv1.ExecuteResponse{Reason: "not enough money", Balance: b.balance}, nil
	}
	was := b.balance
	if b.wrong == lostUpdate && change != 0 {
		b.mu.Unlock()
		time.Sleep(200 * time.Microsecond) // whoever else reads now reads the same
		b.mu.Lock()
	}
	b.balance = was + change
	if b.file != nil && change != 0 {
		if err := b.note(id, change); err != nil {
			return nil, status.Error(codes.Unavailable, err.Error())
		}
	}
	answer := &branchbankv1.ExecuteResponse{Success: true, Balance: b.balance}
	if change != 0 {
		b.done[id] = answer
	}
	return answer, nil
}

func changeOf(req *branchbankv1.ExecuteRequest) int64 {
	switch req.GetKind() {
	case branchbankv1.Kind_KIND_DEPOSIT:
		return req.GetAmount()
	case branchbankv1.Kind_KIND_WITHDRAW:
		return -req.GetAmount()
	}
	return 0
}

// forward has the primary do it.
func (b *branch) forward(ctx context.Context, req *branchbankv1.ExecuteRequest) (*branchbankv1.ExecuteResponse, error) {
	within := forwardFor
	if b.wrong == unequal {
		within = giveUpAfter
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	answer, err := b.primary.Execute(ctx, req, grpc.WaitForReady(true))
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.wrong == unequal && err != nil:
		b.alone += changeOf(req)
		return &branchbankv1.ExecuteResponse{Success: true, Balance: b.copied + b.alone}, nil
	case err != nil:
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	if b.wrong == unequal {
		b.copied = answer.GetBalance()
		answer.Balance += b.alone
	}
	return answer, nil
}

// stale answers a query from the copy, if it is not too old.
func (b *branch) stale(ctx context.Context, req *branchbankv1.ExecuteRequest) (*branchbankv1.ExecuteResponse, error) {
	b.mu.Lock()
	fresh, copied := time.Since(b.at) < refreshEvery, b.copied
	b.mu.Unlock()
	if fresh {
		return &branchbankv1.ExecuteResponse{Success: true, Balance: copied}, nil
	}
	answer, err := b.forward(ctx, req)
	if err == nil {
		b.mu.Lock()
		b.copied, b.at = answer.GetBalance(), time.Now()
		b.mu.Unlock()
	}
	return answer, err
}

// note writes down a change before it is answered.
func (b *branch) note(id string, change int64) error {
	fmt.Fprintf(b.pending, "%q %d\n", id, change)
	if b.wrong == beforeDurable || b.wrong == forgetsKilled {
		return nil
	}
	return b.pending.Flush()
}

// recover reads what earlier lives wrote down.
func (b *branch) recover(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	path := filepath.Join(dir, "done")
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for line := range strings.Lines(string(text)) {
		var id string
		var change int64
		if _, err := fmt.Sscanf(line, "%q %d\n", &id, &change); err != nil {
			break // the last one was cut off, and never answered
		}
		b.balance += change
		b.done[id] = &branchbankv1.ExecuteResponse{Success: true, Balance: b.balance}
	}
	if b.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644); err != nil {
		return err
	}
	b.pending = bufio.NewWriterSize(b.file, 1<<20)
	if b.wrong == beforeDurable {
		go func() {
			for range time.Tick(flushEvery) {
				b.keep()
			}
		}()
	}
	return nil
}

// keep writes down what is not yet.
func (b *branch) keep() {
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.pending.Flush()
}

// flagsOf reads --name value and --name=value.
func flagsOf(args []string) map[string]string {
	out := make(map[string]string)
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		if !joined && i+1 < len(args) && !strings.HasPrefix(args[i+1], "--") {
			i++
			value = args[i]
		}
		out[name] = value
	}
	return out
}
