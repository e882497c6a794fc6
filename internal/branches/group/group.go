// Package group starts the branches of a bank, each of which knows where the
// others are, as processes of a bench; and says how their addresses are written
// on a command line.
package group

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"dyno/internal/replica"
	"dyno/systems"
)

// Spec says what a group is.
type Spec struct {
	Role    string // that a branch is; it takes --listen, --id, --peers, --balance and --data
	IDs     []replica.ID
	Balance int64
	Args    []string // further flags of each branch
	Ports   int      // branch ID listens on port Ports + ID; 0: the system chooses
	Data    string   // folder with a folder of each branch's journal; empty: in memory only

	// Link returns how a branch reaches another one, once all are started. Nil: as
	// everybody does.
	Link func(from string, to systems.Process) (addr string, err error)
}

// Name is the name of a branch's process.
func Name(id replica.ID) string { return fmt.Sprintf("b%d", id) }

func (s Spec) port(id replica.ID) int {
	if s.Ports == 0 {
		return 0
	}
	return s.Ports + int(id)
}

func (s Spec) listen(id replica.ID) string { return fmt.Sprintf("127.0.0.1:%d", s.port(id)) }

// Check refuses ports that there are not.
func (s Spec) Check() error {
	if s.Ports < 0 || s.Ports > 65535 {
		return systems.Usagef("--ports-from %d is no port", s.Ports)
	}
	for _, id := range s.IDs {
		if p := s.port(id); p > 65535 {
			return systems.Usagef("--ports-from %d: branch %d would listen on port %d; the last one is 65535", s.Ports, id, p)
		}
	}
	return nil
}

// Start starts the branches as processes, in the order of IDs. Their addresses
// are found in files, since each needs those of the others before they listen.
func Start(ctx context.Context, b systems.Bench, s Spec) ([]systems.Process, error) {
	dir, err := b.Dir("addresses")
	if err != nil {
		return nil, err
	}
	started := make([]systems.Process, len(s.IDs))
	err = each(len(s.IDs), func(i int) (err error) {
		started[i], err = b.Start(ctx, s.launch(dir, s.IDs[i]))
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, to := range started {
		if s.Link == nil {
			err = errors.Join(err, writeAddress(s.file(dir, 0, s.IDs[i]), to.Addr()))
			continue
		}
		for j, from := range started {
			if i == j {
				continue
			}
			addr, linkErr := s.Link(from.Name(), to)
			err = errors.Join(err, linkErr, writeAddress(s.file(dir, s.IDs[j], s.IDs[i]), addr))
		}
	}
	return started, errors.Join(err, systems.Publish(ctx, b, dir))
}

// writeAddress makes the file appear whole.
func writeAddress(path, addr string) error {
	if err := os.WriteFile(path+".new", []byte(addr), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// file holds the address by which a branch reaches another one.
func (s Spec) file(dir string, from, to replica.ID) string {
	if s.Link == nil {
		return filepath.Join(dir, strconv.Itoa(int(to)))
	}
	return filepath.Join(dir, fmt.Sprintf("%d-%d", from, to))
}

func (s Spec) launch(dir string, id replica.ID) systems.Launch {
	peers := make(Peers)
	for _, other := range s.IDs {
		if other != id {
			peers[other] = "@" + s.file(dir, id, other)
		}
	}
	args := append([]string{
		"--listen", s.listen(id), "--id", strconv.Itoa(int(id)), "--peers", peers.String(), "--balance", strconv.FormatInt(s.Balance, 10),
	}, s.Args...)
	if s.Data != "" {
		args = append(args, "--data", filepath.Join(s.Data, Name(id)))
	}
	return systems.Launch{Role: s.Role, Name: Name(id), Args: args}
}

// each does something for each of n, a few at once.
func each(n int, do func(i int) error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	room := make(chan struct{}, 2*runtime.NumCPU())
	for i := range n {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			errs[i] = do(i)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// Listen opens the addresses of a group that lives in this process, in the order
// of IDs.
func Listen(ctx context.Context, s Spec) ([]net.Listener, error) {
	all := make([]net.Listener, len(s.IDs))
	for i, id := range s.IDs {
		var err error
		if all[i], err = new(net.ListenConfig).Listen(ctx, "tcp", s.listen(id)); err != nil {
			for _, lis := range all[:i] {
				_ = lis.Close()
			}
			return nil, fmt.Errorf("branch %d: %w; choose other ports with --ports-from", id, err)
		}
	}
	return all, nil
}

// Resolve is an address as a branch was told it, which may stand in a file that
// is written later: @FILE.
func Resolve(addr string) (string, error) {
	path, ok := strings.CutPrefix(addr, "@")
	if !ok {
		return addr, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if addr = strings.TrimSpace(string(text)); addr == "" {
		return "", fmt.Errorf("%s is empty: it is to hold HOST:PORT", path)
	}
	return addr, nil
}
