package operator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems"
	"dyno/systems/standby/operator"
)

// server says what a test has it say.
type server struct {
	standbyv1.UnimplementedAccountServiceServer
	status *standbyv1.StatusResponse
	lost   []*standbyv1.Lost
}

func (s *server) Status(context.Context, *standbyv1.StatusRequest) (*standbyv1.StatusResponse, error) {
	if s.status == nil {
		return nil, rpc.Errorf(rpc.Unavailable, "going down")
	}
	return s.status, nil
}

func (s *server) AcceptLoss(context.Context, *standbyv1.AcceptLossRequest) (*standbyv1.AcceptLossResponse, error) {
	if s.lost == nil {
		return nil, rpc.Errorf(rpc.Unavailable, "not the primary")
	}
	return &standbyv1.AcceptLossResponse{Lost: s.lost}, nil
}

// command runs one of the operator's against two servers.
func command(t *testing.T, name string, s1, s2 *server, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	t.Cleanup(func() { cancel(); serving.Wait() })
	addr := make(chan string, 1)
	hosts := map[string]string{}
	for i, s := range []*server{s1, s2} {
		serving.Go(func() {
			_ = rpc.Serve(ctx, rpc.Options{Ready: func(a string) { addr <- a }}, func(r grpc.ServiceRegistrar) {
				standbyv1.RegisterAccountServiceServer(r, s)
			})
		})
		hosts[fmt.Sprintf("s%d", i+1)] = <-addr
	}
	file := filepath.Join(t.TempDir(), "hosts")
	text, _ := json.Marshal(hosts)
	if err := os.WriteFile(file, text, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range operator.Commands() {
		if c.Name != name {
			continue
		}
		fs := flag.NewFlagSet(name, flag.ContinueOnError)
		run := c.Setup(fs)
		if err := fs.Parse(append([]string{"--config", file, "--attempt", "5s"}, args...)); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err := run(t.Context(), systems.Shell{Out: &out})
		for name, a := range hosts {
			out = *bytes.NewBuffer(bytes.ReplaceAll(out.Bytes(), []byte(a), []byte(name+":1")))
		}
		return out.String(), err
	}
	t.Fatalf("there is no command %s", name)
	return "", nil
}

var (
	primary = &standbyv1.StatusResponse{
		Role: standbyv1.Role_ROLE_PRIMARY, Epoch: 2, Action: 103, Durable: 103, Shipped: 101, Checksum: 0xabc, LeaseUs: 98_000, Accounts: 5,
		Alone: true, Lost: []*standbyv1.Lost{{Epoch: 1, First: 90, Last: 92}},
	}
	standby = &standbyv1.StatusResponse{Role: standbyv1.Role_ROLE_STANDBY, Epoch: 2, Action: 101, Durable: 100, Refuses: "other accounts", Accounts: 5}
)

func TestStatus(t *testing.T) {
	got, err := command(t, "status", &server{status: primary}, &server{status: standby})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"server  address", "primary  2      103     103      101      98ms   5         0000000000000abc\n",
		"standby  2      101     100      -        -      5         0000000000000000\n",
		"s1 is alone: what it acknowledges is on one disk only\n", "s2 does not follow: other accounts\n", "s1: lost actions 90 to 92 of epoch 1\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	got, err = command(t, "status", &server{}, &server{status: standby}, "--json")
	var lines []map[string]any
	if err := json.Unmarshal([]byte(got), &lines); err != nil {
		t.Fatal(err)
	}
	if err != nil || len(lines) != 2 || lines[0]["error"] != "going down" || lines[1]["role"] != "standby" || lines[1]["action"] != 101.0 {
		t.Errorf("%v\n%s", err, got)
	}
	if got, err = command(t, "status", &server{}, &server{}); err == nil || strings.Count(got, "no answer") != 2 {
		t.Errorf("nobody answers, and: %v\n%s", err, got)
	}
}

func TestAcceptLoss(t *testing.T) {
	got, err := command(t, "accept-loss", &server{}, &server{lost: []*standbyv1.Lost{{Epoch: 1, First: 90, Last: 92}}})
	if err != nil || got != "accepted: actions 90 to 92 of epoch 1 are lost\n" {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := command(t, "accept-loss", &server{}, &server{}); err == nil || err.Error() != "s1: not the primary\ns2: not the primary" {
		t.Error(err)
	}
}

func TestFlags(t *testing.T) {
	for args, want := range map[string]string{
		"--config /nowhere/hosts": "/nowhere/hosts: there is no such file",
		"--attempt -1s":           "--attempt -1s --bound 10s: give times above 0s",
		"--bound 2h":              "a bound of 1h0m0s at most",
	} {
		fs := flag.NewFlagSet("", flag.ContinueOnError)
		run := operator.Commands()[0].Setup(fs)
		if err := fs.Parse(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		if err := run(t.Context(), systems.Shell{}); err == nil || !systems.IsUsage(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}
