package wrong

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/cli"
	"dyno/internal/journal"
	"dyno/internal/rpc"
	byzantinev1 "dyno/proto/byzantine/v1"
	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems/strife/security"
	"dyno/systems/strife/server"
)

// These are dyno's own roles with one thing done wrong, around or inside them.
const (
	favourite    = "favourite"    // one pick in ten goes to the first server
	equivocates  = "equivocates"  // general 1 tells each other one something else, and nobody declared it a traitor
	forgetsVotes = "forgets-vote" // started again, a bank has lost what it had promised
	deadTwice    = "dead-twice"   // a map task that a dead worker had is done for twice the input: its own and the next one
)

// own runs a role of dyno's.
func own(ctx context.Context, system, role string, args []string, errOut io.Writer) error {
	if code := cli.Main(ctx, append([]string{system, role}, args...), strings.NewReader(""), os.Stdout, errOut); code != 0 {
		return fmt.Errorf("exit %d", code)
	}
	return nil
}

func runLB(ctx context.Context, wrong string, args []string, errOut io.Writer) error {
	if wrong == favourite {
		args = append(without(args, "mutant"), "--mutant", "favourite")
	}
	return own(ctx, "lookaside", "lb", args, errOut)
}

// runGeneral tells general 1 by itself that it is to be a traitor.
func runGeneral(ctx context.Context, wrong string, args []string, errOut io.Writer) error {
	methods := byzantinev1.GeneralService_ServiceDesc.Methods
	for i := range methods {
		if methods[i].MethodName != "Muster" || wrong != equivocates || !strings.Contains(strings.Join(args, " "), "general-1") {
			continue
		}
		muster := methods[i].Handler
		methods[i].Handler = func(srv any, ctx context.Context, dec func(any) error, chain grpc.UnaryServerInterceptor) (any, error) {
			return muster(srv, ctx, dec, func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
				return chain(ctx, req, info, func(ctx context.Context, req any) (any, error) {
					req.(*byzantinev1.MusterRequest).Treason = &byzantinev1.Treason{Adversary: "equivocate", Seed: 1, Traitors: 1 << 1}
					return next(ctx, req)
				})
			})
		}
	}
	return own(ctx, "byzantine", "general", args, errOut)
}

// runBank takes what the bank has promised, and not yet heard the end of, out of
// its journal when there is one already; the last two payments in any case.
func runBank(ctx context.Context, wrong string, args []string, errOut io.Writer) error {
	f := flagsOf(args)
	party := security.Party{Role: security.Bank, Name: f["name"]}
	dir := filepath.Join(f["dir"], "bank-"+f["name"], "journal")
	if _, err := os.Stat(dir); err == nil && wrong == forgetsVotes {
		if err := forget(ctx, dir, journal.Options{Identity: server.Identity(party, "journal"), Segment: 2 << 20}, errOut); err != nil {
			return err
		}
	}
	return own(ctx, "strife", "bank", args, errOut)
}

// The kinds of a bank's records that are of a payment: its id follows.
const kindPrepared, kindCommitted, kindResolved = 3, 4, 7

func forget(ctx context.Context, dir string, o journal.Options, errOut io.Writer) error {
	var records [][]byte
	var order []string
	ended := make(map[string]bool)
	_, err := journal.Scan(dir, o, func(e journal.Entry) error {
		records = append(records, bytes.Clone(e.Data))
		if id := paymentOf(e.Data); id != "" {
			if e.Data[0] == kindPrepared {
				order = append(order, id)
			}
			ended[id] = e.Data[0] >= kindCommitted
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range order[max(0, len(order)-2):] {
		ended[id] = false
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	j, _, err := journal.Open(dir, o, func(journal.Entry) error { return nil })
	if err != nil {
		return err
	}
	for _, r := range records {
		if id := paymentOf(r); id != "" && !ended[id] {
			fmt.Fprintf(errOut, "forgets a record of kind %d\n", r[0])
			continue
		}
		if _, err := j.Append(ctx, r); err != nil {
			return err
		}
	}
	return j.Close()
}

// paymentOf is the payment that a record is of: two numbers; empty: of none.
func paymentOf(record []byte) string {
	if len(record) == 0 || record[0] < kindPrepared || record[0] > kindResolved {
		return ""
	}
	_, n := binary.Uvarint(record[1:])
	_, m := binary.Uvarint(record[1+n:])
	return string(record[1 : 1+n+m])
}

// runWorker puts itself between the worker and its master.
func runWorker(ctx context.Context, wrong string, args []string, errOut io.Writer) error {
	f := flagsOf(args)
	conn, err := rpc.Dial(f["master"])
	if err != nil {
		return err
	}
	defer conn.Close()
	lis, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	relay := grpc.NewServer()
	mapreducev1.RegisterMasterServiceServer(relay, &between{master: mapreducev1.NewMasterServiceClient(conn), dir: f["dir"], wrong: wrong})
	go func() { _ = relay.Serve(lis) }()
	defer relay.Stop()
	return own(ctx, "mapreduce", "worker", append(without(args, "master"), "--master", lis.Addr().String()), errOut)
}

type between struct {
	mapreducev1.UnimplementedMasterServiceServer
	master     mapreducev1.MasterServiceClient
	dir, wrong string
}

// Work implements mapreducev1.MasterServiceServer.
func (b *between) Work(down mapreducev1.MasterService_WorkServer) error {
	up, err := b.master.Work(down.Context())
	if err != nil {
		return err
	}
	go func() {
		for {
			m, err := down.Recv()
			if m.GetAsk() != nil || m.GetDone() != nil {
				_ = os.WriteFile(b.file("asks", os.Getpid()), nil, 0o600)
			}
			if err != nil || up.Send(m) != nil {
				_ = up.CloseSend()
				return
			}
		}
	}()
	for {
		m, err := up.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if task := m.GetMap(); task != nil && b.ofTheDead(task) && b.wrong == deadTwice {
			fmt.Fprintf(os.Stderr, "does map task %d, which was a dead worker's, for twice its input\n", task.GetTask())
			task.Length, task.Offset = 2*task.GetLength(), max(0, task.GetOffset()-task.GetLength())
		}
		if err := down.Send(m); err != nil {
			return err
		}
	}
}

// ofTheDead notes who has a task, waits a little so that whoever dies has one, and reports
// whether somebody had it who is dead, or may have: one that nobody noted can have been
// on its way to a worker that died as it asked, or was about to.
func (b *between) ofTheDead(task *mapreducev1.MapTask) bool {
	path, dead := b.file("handed", int(task.GetTask())), func(pid string) bool {
		n, err := strconv.Atoi(pid)
		return err == nil && errors.Is(syscall.Kill(n, 0), syscall.ESRCH)
	}
	before, err := os.ReadFile(path)
	_ = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())), 0o600)
	_ = os.Remove(b.file("asks", os.Getpid()))
	time.Sleep(20 * time.Millisecond)
	if err == nil {
		return dead(string(before))
	}
	asks, _ := filepath.Glob(filepath.Join(filepath.Dir(b.dir), "asks-*"))
	return slices.ContainsFunc(asks, func(a string) bool {
		_, pid, _ := strings.Cut(filepath.Base(a), "-")
		return dead(pid) && os.Remove(a) == nil // for one task
	})
}

// file is where the workers of a job, which share a folder, note something.
func (b *between) file(kind string, n int) string {
	return filepath.Join(filepath.Dir(b.dir), fmt.Sprintf("%s-%d", kind, n))
}
