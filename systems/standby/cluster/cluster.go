// Package cluster starts a witness and two servers as processes of a bench.
package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"dyno/bench/inject"
	"dyno/systems"
	"dyno/systems/standby/config"
)

// Options say what to start.
type Options struct {
	Accounts map[string]int64 // of both servers, at the start
	Async    bool
	Lease    time.Duration
	Witness  bool
	Args     []string // further flags of the servers

	// Faults may strike who is started, and the links between them and Client; nil:
	// nothing does.
	Faults *inject.Faults
}

// Client is what the faults call whoever uses the cluster.
const Client = "client"

// Cluster is what runs.
type Cluster struct {
	Hosts   config.Hosts
	Config  string             // the hosts' file
	Files   [2]string          // the account files of s1 and s2
	Witness systems.Process    // nil: there is none
	Servers [2]systems.Process // s1, s2
}

// Ground is whom faults can strike of a cluster with a witness.
func Ground() inject.Ground {
	g := inject.Ground{Processes: []string{config.S1, config.S2, "witness"}}
	for _, from := range []string{config.S1, config.S2, Client} {
		for _, to := range g.Processes {
			if from != to {
				g.Links = append(g.Links, [2]string{from, to})
			}
		}
	}
	return g
}

// Start starts a cluster. Its processes end with the bench.
func Start(ctx context.Context, b systems.Bench, o Options) (*Cluster, error) {
	dir, err := b.Dir("cluster")
	if err != nil {
		return nil, err
	}
	c := &Cluster{Config: filepath.Join(dir, config.DefaultFile)}
	if o.Witness {
		c.Witness, err = b.Start(ctx, systems.Launch{Role: "witness", Name: "witness", Args: []string{"--dir", filepath.Join(dir, "witness")}})
		if err != nil {
			return nil, err
		}
		c.Hosts.Witness = c.Witness.Addr()
	}
	for name, addr := range map[string]*string{config.S1: &c.Hosts.S1, config.S2: &c.Hosts.S2} {
		if *addr, err = b.Address(ctx, "server", name); err != nil {
			return nil, err
		}
	}
	if err := c.startServers(ctx, b, dir, o); err != nil {
		return c, err
	}
	if c.Hosts, err = c.writeHosts(c.Config, Client, o); err != nil || o.Faults == nil {
		return c, err
	}
	for _, p := range []systems.Process{c.Servers[0], c.Servers[1], c.Witness} {
		if p != nil {
			o.Faults.Add(p)
		}
	}
	return c, nil
}

// writeHosts writes the hosts' file of one of those who talk, and returns what is
// in it: by which links it reaches the others.
func (c *Cluster) writeHosts(path, from string, o Options) (config.Hosts, error) {
	h := c.Hosts
	text := map[string]string{}
	for name, addr := range map[string]*string{config.S1: &h.S1, config.S2: &h.S2, "witness": &h.Witness} {
		if *addr == "" {
			continue
		}
		if name != from && o.Faults != nil {
			var err error
			if *addr, err = o.Faults.LinkTo(from, name, *addr); err != nil {
				return h, err
			}
		}
		text[name] = *addr
	}
	b, err := json.Marshal(text)
	if err != nil {
		return h, err
	}
	return h, os.WriteFile(path, append(b, '\n'), 0o666)
}

// startServers starts both at once: each looks for the other.
func (c *Cluster) startServers(ctx context.Context, b systems.Bench, dir string, o Options) error {
	replicate := "sync"
	if o.Async {
		replicate = "async"
	}
	errs := make(chan error, 2)
	own := [2]string{c.Hosts.S1, c.Hosts.S2}
	for i, name := range []string{config.S1, config.S2} {
		c.Files[i] = filepath.Join(dir, name, "accounts")
		if err := errors.Join(os.Mkdir(filepath.Dir(c.Files[i]), 0o777), config.WriteAccounts(c.Files[i], o.Accounts)); err != nil {
			return err
		}
		hosts := filepath.Join(dir, name, config.DefaultFile)
		if _, err := c.writeHosts(hosts, name, o); err != nil {
			return err
		}
		args := append([]string{
			"--name", name, "--config", hosts, "--accounts", c.Files[i], "--listen", own[i],
			"--replicate", replicate, "--lease", o.Lease.String(),
		}, o.Args...)
		go func() {
			var err error
			c.Servers[i], err = b.Start(ctx, systems.Launch{Role: "server", Name: name, Args: args, Expendable: true})
			errs <- err
		}()
	}
	return errors.Join(<-errs, <-errs)
}
