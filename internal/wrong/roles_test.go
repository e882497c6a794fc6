package wrong

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"google.golang.org/grpc"

	"dyno/internal/cli"
	"dyno/internal/rpc"
	byzantinev1 "dyno/proto/byzantine/v1"
	mapreducev1 "dyno/proto/mapreduce/v1"
)

// These are dyno's own roles with one thing done wrong, around or inside them.
const (
	favourite    = "favourite"    // one pick in ten goes to the first server
	equivocates  = "equivocates"  // general 2 tells each other one something else, and nobody declared it a traitor
	forgetsVotes = "forgets-vote" // started again, a bank has lost the end of its journal: its last votes
	votes        = 2048           // bytes of it
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

// runGeneral tells general 2 by itself that it is to be a traitor.
func runGeneral(ctx context.Context, wrong string, args []string, errOut io.Writer) error {
	methods := byzantinev1.GeneralService_ServiceDesc.Methods
	for i := range methods {
		if methods[i].MethodName != "Muster" || wrong != equivocates || !strings.Contains(strings.Join(args, " "), "general-2") {
			continue
		}
		muster := methods[i].Handler
		methods[i].Handler = func(srv any, ctx context.Context, dec func(any) error, chain grpc.UnaryServerInterceptor) (any, error) {
			return muster(srv, ctx, dec, func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
				return chain(ctx, req, info, func(ctx context.Context, req any) (any, error) {
					req.(*byzantinev1.MusterRequest).Treason = &byzantinev1.Treason{Adversary: "equivocate", Seed: 1, Traitors: 1 << 2}
					return next(ctx, req)
				})
			})
		}
	}
	return own(ctx, "byzantine", "general", args, errOut)
}

// runBank cuts the end off the bank's journal when there is one already.
func runBank(ctx context.Context, wrong string, args []string, errOut io.Writer) error {
	f := flagsOf(args)
	if wrong == forgetsVotes {
		var files []string
		err := filepath.WalkDir(f["dir"], func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && strings.Contains(path, "journal") && strings.Contains(path, f["name"]) {
				files = append(files, path)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			end := len(bytes.TrimRight(text, "\x00"))
			cut := max(0, end-votes)
			fmt.Fprintf(errOut, "forgets the last %d bytes of %s\n", end-cut, path)
			clear(text[cut:end])
			if err := os.WriteFile(path, text, 0o600); err != nil {
				return err
			}
		}
	}
	return own(ctx, "strife", "bank", args, errOut)
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
	server := grpc.NewServer()
	mapreducev1.RegisterMasterServiceServer(server, &between{master: mapreducev1.NewMasterServiceClient(conn), dir: f["dir"], wrong: wrong})
	go func() { _ = server.Serve(lis) }()
	defer server.Stop()
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
		if task := m.GetMap(); task != nil && b.wrong == deadTwice && b.ofTheDead(task) {
			if task.Length *= 2; task.GetOffset() > 0 {
				task.Offset -= task.GetLength() / 2
			}
		}
		if err := down.Send(m); err != nil {
			return err
		}
	}
}

// ofTheDead notes who has a task, and reports whether somebody had it who is dead.
func (b *between) ofTheDead(task *mapreducev1.MapTask) bool {
	path := filepath.Join(filepath.Dir(b.dir), fmt.Sprintf("handed-%d", task.GetTask()))
	text, err := os.ReadFile(path)
	_ = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())), 0o600)
	pid, atoiErr := strconv.Atoi(string(text))
	return err == nil && atoiErr == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}
