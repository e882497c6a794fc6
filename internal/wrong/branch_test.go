package wrong

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
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
	beforeDurable = "before-durable" // answers deposits, and writes them down later
)

// What decides is counted where it can be, so that each falls where it should on a
// machine of any load.
const (
	refreshEvery = 4 // queries
	// More deposits than there are customers to be under way: some of those that
	// are lost were answered. Withdrawals are written at once, which keeps losses
	// from making up for each other.
	behind     = 16
	forwardFor = 900 * time.Millisecond
	// The primary is given up on when this branch has come to its turn so often
	// while it waited: on a busy machine, where answers take their time, turns do.
	turnEvery, giveUpAfter = 10 * time.Millisecond, 40
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
	pending []string // what is to be written down
	alone   int64    // what it did by itself
	copied  int64
	queries int // answered so far
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
	ctx, cancel := context.WithTimeout(ctx, forwardFor)
	defer cancel()
	if b.wrong == unequal {
		go lose(ctx, cancel)
	}
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

// lose loses patience with what a context is for.
func lose(ctx context.Context, patience context.CancelFunc) {
	turn := time.NewTicker(turnEvery) // drops those for which it comes too late
	defer turn.Stop()
	for range giveUpAfter {
		select {
		case <-turn.C:
		case <-ctx.Done():
			return
		}
	}
	patience()
}

// stale answers most queries from the copy.
func (b *branch) stale(ctx context.Context, req *branchbankv1.ExecuteRequest) (*branchbankv1.ExecuteResponse, error) {
	b.mu.Lock()
	n, copied := b.queries, b.copied
	b.queries++
	b.mu.Unlock()
	if n%refreshEvery != 0 {
		return &branchbankv1.ExecuteResponse{Success: true, Balance: copied}, nil
	}
	answer, err := b.forward(ctx, req)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.queries = 0 // the next one tries again
		return nil, err
	}
	b.copied = answer.GetBalance()
	return answer, nil
}

// note writes down a change before it is answered, or what it should have written
// down before.
func (b *branch) note(id string, change int64) error {
	line, late := fmt.Sprintf("%q %d\n", id, change), 0
	switch b.wrong {
	case forgetsKilled:
		late = len(b.pending) + 1
	case beforeDurable:
		late = behind
	}
	if b.wrong == beforeDurable && change < 0 {
		b.pending, late = slices.Insert(b.pending, 0, line), len(b.pending)
	} else {
		b.pending = append(b.pending, line)
	}
	return b.write(max(0, len(b.pending)-late))
}

// write writes the first of what is pending.
func (b *branch) write(n int) error {
	_, err := b.file.WriteString(strings.Join(b.pending[:n], ""))
	b.pending = b.pending[n:]
	return err
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
	b.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	return err
}

// keep writes down what is not yet.
func (b *branch) keep() {
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.write(len(b.pending))
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
