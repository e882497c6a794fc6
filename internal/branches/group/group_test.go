package group

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dyno/internal/replica"
	"dyno/systems"
)

func TestPeers(t *testing.T) {
	p := new(Peers)
	for text, want := range map[string]string{
		"2=h:2, 1=127.0.0.1:1": "1=127.0.0.1:1,2=h:2", "": "", "3=@/tmp/a": "3=@/tmp/a",
		"0=h:1": `"0=h:1" is not ID=HOST:PORT with an id from 1 on`, "1": `"1" is not ID=HOST:PORT with an id from 1 on`,
		"1=h:1,1=h:2": "branch 1 is there twice", "1=h": `"1=h": address h: missing port in address; give HOST:PORT, or @FILE that holds it`,
	} {
		got := ""
		if err := p.Set(text); err != nil {
			got = err.Error()
		} else {
			got = p.String()
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	if got := (Peers{1: "a", 2: "b"}).Without(1); len(got) != 1 || got[2] != "b" {
		t.Errorf("without 1: %v", got)
	}
}

func TestSpecCheck(t *testing.T) {
	for ports, fine := range map[int]bool{0: true, 50000: true, 65534: false, -1: false, 70000: false} {
		if err := (Spec{IDs: []replica.ID{1, 2}, Ports: ports}).Check(); (err == nil) != fine {
			t.Errorf("ports from %d: %v", ports, err)
		}
	}
}

// bench starts processes that only have a name and an address.
type bench struct {
	systems.Bench
	dir string
}

type process struct {
	systems.Process
	launch systems.Launch
}

func (p process) Name() string { return p.launch.Name }
func (p process) Addr() string { return p.launch.Name + ":7" }

func (b bench) Dir(string) (string, error) { return b.dir, nil }
func (b bench) Start(_ context.Context, l systems.Launch) (systems.Process, error) {
	return process{launch: l}, nil
}

// Every branch finds every other one, by a link of its own if there are links.
func TestStart(t *testing.T) {
	for _, linked := range []bool{false, true} {
		s := Spec{Role: "branch", IDs: []replica.ID{1, 5, 7}, Data: "data"}
		if linked {
			s.Link = func(from string, to systems.Process) (string, error) {
				return fmt.Sprintf("%s-%s:1", from, to.Name()), nil
			}
		}
		started, err := Start(t.Context(), bench{dir: t.TempDir()}, s)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range started {
			args := p.(process).launch.Args
			peers := new(Peers)
			if err := peers.Set(args[slices.Index(args, "--peers")+1]); err != nil || len(*peers) != 2 {
				t.Fatalf("%v: %v", args, err)
			}
			for id, file := range *peers {
				want := Name(id) + ":7"
				if linked {
					want = fmt.Sprintf("%s-%s:1", p.Name(), Name(id))
				}
				if addr, err := Resolve(file); err != nil || addr != want {
					t.Errorf("%s reaches %d at %q, %v; want %q", p.Name(), id, addr, err, want)
				}
			}
			if !strings.HasSuffix(strings.Join(args, " "), filepath.Join("data", p.Name())) {
				t.Errorf("%v", args)
			}
		}
	}
}

func TestResolve(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"@" + empty, "@" + empty + "-not"} {
		if got, err := Resolve(addr); err == nil {
			t.Errorf("%s is %q", addr, got)
		}
	}
	if got, err := Resolve("h:1"); err != nil || got != "h:1" {
		t.Errorf("%q, %v", got, err)
	}
}
