package rival

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

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
			torn := fs.Bool("torn", false, "wrong on purpose: every second customer asks by two commands, 10 ms apart")
			opened := 0
			l.Open = func(ctx context.Context) (visit.Store, error) {
				s, err := openRedis(ctx, *primary, *replica)
				opened++
				s.torn = *torn && opened%2 == 0
				return s, err
			}
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
type redisStore struct {
	primary, replica *rival.Conn
	torn             bool // a read is two commands
}

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
func (s redisStore) Balances(ctx context.Context, accounts []int) ([]int64, error) {
	if !s.torn {
		return s.ask(ctx, accounts)
	}
	// What is written to the first account of each customer is seen before the
	// pause, what is written to the second after it.
	out := make([]int64, len(accounts))
	for first := range visit.Accounts {
		var some []int
		for i := first; i < len(accounts); i += visit.Accounts {
			some = append(some, accounts[i])
		}
		got, err := s.ask(ctx, some)
		if err != nil {
			return nil, err
		}
		for i, n := range got {
			out[first+visit.Accounts*i] = n
		}
		if first == 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	return out, nil
}

// ask reads accounts by one command, and so at one moment.
func (s redisStore) ask(ctx context.Context, accounts []int) ([]int64, error) {
	words := []string{"MGET"}
	for _, a := range accounts {
		words = append(words, key(a))
	}
	answer, err := s.replica.Do(ctx, words...)
	if err != nil {
		return nil, err
	}
	got, err := numbers(answer)
	if err == nil && len(got) != len(accounts) {
		err = fmt.Errorf("MGET of %d accounts is answered %v", len(accounts), answer)
	}
	return got, err
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
