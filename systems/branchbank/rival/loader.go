package rival

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"dyno/bench/driver"
	"dyno/bench/rival"
	"dyno/bench/visit"
	"dyno/systems"
)

func loaderRole(system string) systems.Role {
	return systems.Role{Command: systems.Command{
		Name:    rival.RoleLoader,
		Summary: "deposits at Redis and reads at its replica, for trials that measure them beside the system",
		Example: "dyno " + system + " " + rival.RoleLoader + " --redis 127.0.0.1:6379 --replica 127.0.0.1:6380 --length 2s",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			l := visit.Load{Flags: driver.BindFlags(fs)}
			primary := fs.String("redis", "127.0.0.1:6379", "HOST:PORT of the primary")
			replica := fs.String("replica", "127.0.0.1:6380", "HOST:PORT of the replica")
			fs.IntVar(&l.Clients, knobClients, 32, "customers, each with a connection to both")
			l.Open = func(ctx context.Context) (visit.Store, error) { return openRedis(ctx, *primary, *replica) }
			return func(ctx context.Context, sh systems.Shell) error {
				if err := l.Flags.Check(); err != nil {
					return err
				}
				r, err := l.Run(ctx)
				if err != nil {
					return err
				}
				if l.Flags.JSON {
					return json.NewEncoder(sh.Out).Encode(r)
				}
				return r.Print(sh.Out, driver.Closed, l.Flags.MaxFailures)
			}
		},
	}}
}

// redisStore is a connection to each server.
type redisStore struct{ primary, replica *rival.Conn }

func openRedis(ctx context.Context, primary, replica string) (s redisStore, err error) {
	if s.primary, err = rival.DialRedis(ctx, primary); err != nil {
		return s, err
	}
	s.replica, err = rival.DialRedis(ctx, replica)
	return s, err
}

// Key names an account.
func key(account int) string { return "account:" + strconv.Itoa(account) }

// Deposit implements [visit.Store].
func (s redisStore) Deposit(ctx context.Context, account int) error {
	_, err := s.primary.Do(ctx, "INCRBY", key(account), "1")
	return err
}

// Balances implements [visit.Store].
func (s redisStore) Balances(ctx context.Context, a, b int) (int64, int64, error) {
	answer, err := s.replica.Do(ctx, "MGET", key(a), key(b))
	if err != nil {
		return 0, 0, err
	}
	two, err := numbers(answer)
	if err != nil || len(two) != 2 {
		return 0, 0, errors.Join(fmt.Errorf("MGET is answered %v", answer), err)
	}
	return two[0], two[1], nil
}

// Close implements [visit.Store].
func (s redisStore) Close() error { return errors.Join(s.primary.Close(), s.replica.Close()) }

// numbers reads the answer to an MGET; what is not there is 0.
func numbers(answer any) (out []int64, err error) {
	list, _ := answer.([]any)
	for _, a := range list {
		text, there := a.(string)
		n := int64(0)
		if there {
			if n, err = strconv.ParseInt(text, 10, 64); err != nil {
				return nil, err
			}
		}
		out = append(out, n)
	}
	return out, nil
}
