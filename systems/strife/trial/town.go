// Package trial measures payments: a gateway and its banks as processes, many
// users, faults, and what journals and users say of it all.
package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/inject"
	"dyno/internal/backoff"
	strifev1 "dyno/proto/strife/v1"
	"dyno/systems"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

// town is a deployment under trial.
type town struct {
	bench   systems.Bench
	faults  *inject.Faults
	dir     site.Dir
	made    site.Made
	gateway systems.Process
	banks   []systems.Process

	mu       sync.Mutex
	restarts int // of servers that died at a point
	stopping bool
	watching sync.WaitGroup
}

// cheap makes passwords quick to check: what they cost is no part of a payment.
var cheap = security.Params{Memory: 64, Time: 1, Lanes: 1}

// opening is what each account has at first, in minor units.
const opening = 1_000_000_000

// deploy makes the folder and starts banks and gateway.
func deploy(ctx context.Context, b systems.Bench, v systems.Values, faults *inject.Faults) (*town, error) {
	path, err := b.Dir("site")
	if err != nil {
		return nil, err
	}
	t := &town{bench: b, faults: faults, dir: site.Dir(path)}
	t.made, err = t.dir.Init(site.Plan{
		Banks: v.Int(KnobBanks), Users: users(v), Seed: b.Setting().Seed, Balance: opening, Hashing: cheap, Same: true,
		Protection: security.Protection(v.Text(KnobProtect)),
	})
	if err != nil {
		return nil, err
	}
	for _, name := range t.made.Banks {
		p, err := t.start(ctx, v, "bank", name, "--name", name)
		if err != nil {
			return nil, err
		}
		t.banks = append(t.banks, p)
	}
	if err := t.tell(ctx, "gateway", t.banks...); err != nil {
		return nil, err
	}
	if t.gateway, err = t.start(ctx, v, "gateway", "gateway", v.Args(KnobPrepare)...); err != nil {
		return nil, err
	}
	for i, name := range t.made.Banks {
		others := append([]systems.Process{t.gateway}, t.banks[:i]...)
		if err := t.tell(ctx, name, append(others, t.banks[i+1:]...)...); err != nil {
			return nil, err
		}
	}
	return t, t.tell(ctx, "load", t.gateway)
}

// start starts a server. One that is to die at a point is started again when it
// has.
func (t *town) start(ctx context.Context, v systems.Values, role, name string, args ...string) (systems.Process, error) {
	args = append(append(args, "--dir", string(t.dir), "--addresses", t.addresses(name)), v.Args(KnobCompact)...)
	where, point, _ := strings.Cut(v.Text(KnobFailpoint), " ")
	doomed := where == name
	if doomed {
		args = append(args, "--failpoint", point)
	}
	p, err := t.bench.Start(ctx, systems.Launch{Role: role, Name: name, Args: args, Expendable: doomed})
	if err != nil {
		return nil, err
	}
	t.faults.Add(p)
	if doomed {
		t.watching.Go(func() { t.revive(ctx, p, v.Duration(KnobDown)) })
	}
	return p, nil
}

// revive starts a server again whenever it dies.
func (t *town) revive(ctx context.Context, p systems.Process, down time.Duration) {
	for {
		_, _ = p.Wait(ctx) // that it died is the point of it
		if backoff.Sleep(ctx, down) != nil {
			return
		}
		t.mu.Lock()
		over := t.stopping
		if !over {
			t.restarts++
		}
		t.mu.Unlock()
		if over {
			return
		}
		if err := p.Restart(ctx); err != nil && ctx.Err() == nil {
			t.bench.Logf("%s: %v", p.Name(), err)
		}
	}
}

// deaths counts how often the doomed server has died. All has ended.
func (t *town) deaths() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.restarts
}

// addresses is the file that says where others are, as a party sees them.
func (t *town) addresses(who string) string {
	return filepath.Join(string(t.dir), "seen-by-"+who+".json")
}

// tell writes where a party reaches others: by links that faults may strike.
func (t *town) tell(ctx context.Context, who string, others ...systems.Process) error {
	a := site.Addresses{Banks: map[string]site.Running{}}
	for _, p := range others {
		addr, err := t.faults.Link(who, p)
		if err != nil {
			return err
		}
		if r := (site.Running{Addr: addr}); p.Name() == "gateway" {
			a.Gateway = &r
		} else {
			a.Banks[p.Name()] = r
		}
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if err := os.WriteFile(t.addresses(who), text, 0o600); err != nil {
		return err
	}
	return systems.Publish(ctx, t.bench, t.addresses(who))
}

// revived brings back who is down.
func (t *town) revived(ctx context.Context) {
	for _, p := range append([]systems.Process{t.gateway}, t.banks...) {
		_ = p.Restart(ctx) // an error says that it runs; if it does not, settle notices
	}
}

// settleTimeout bounds the wait for the end of all doubt.
const settleTimeout = 15 * time.Second

// settle waits until no bank is in doubt, and says how long that took.
func (t *town) settle(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	conn, ctx, err := t.admin(ctx)
	if err != nil {
		return 0, fmt.Errorf("after the load nobody can log in: %w", err)
	}
	defer conn.Close()
	c := strifev1.NewAdminServiceClient(conn)
	for {
		doubts, err := t.doubts(ctx, c)
		if err == nil && doubts == 0 {
			return time.Since(began), nil
		}
		if backoff.Sleep(ctx, 2*time.Millisecond) != nil {
			return time.Since(began), errors.Join(err, fmt.Errorf("%d transactions are still in doubt after %v", doubts, time.Since(began)))
		}
	}
}

func (t *town) doubts(ctx context.Context, c strifev1.AdminServiceClient) (n int, err error) {
	for _, name := range t.made.Banks {
		resp, err := c.ListInDoubt(ctx, &strifev1.ListInDoubtRequest{Bank: name})
		if err != nil {
			return n, err
		}
		n += len(resp.GetDoubts())
	}
	return n, nil
}

// admin logs the admin in.
func (t *town) admin(ctx context.Context) (*grpc.ClientConn, context.Context, error) {
	return t.login(ctx, site.MadeUser{User: site.AdminUser, PasswordFile: t.made.Admin.PasswordFile})
}

// stop ends the gateway and then the banks, in order, so that their journals
// are whole.
func (t *town) stop(ctx context.Context) error {
	t.mu.Lock()
	t.stopping = true
	t.mu.Unlock()
	err := errors.Join(t.gateway.Stop(ctx), systems.StopAll(ctx, t.banks...))
	t.watching.Wait()
	return err
}
