package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Cluster is one that runs.
type Cluster struct {
	Program string // the binary with all of Kubernetes
	Dir     string // of everything: a scratch folder

	began    bool              // else there is nothing of it
	before   map[string]string // settings of the machine
	programs []*program        // of the control plane, in the order of their start
	nodes    []*node
	dns      *dns
}

// Kubeconfig is an administrator's.
func (c *Cluster) Kubeconfig() string { return filepath.Join(c.Dir, "kubeconfig") }

// Up starts a cluster whose nodes have these images, as archives. Whatever it
// returns, Down must be called.
func (c *Cluster) Up(ctx context.Context, images ...string) (err error) {
	if err := free(); err != nil {
		return err
	}
	for _, path := range []string{c.Dir, c.Program} {
		if strings.HasPrefix(path, "/run/") || strings.HasPrefix(path, "/var/l") {
			return fmt.Errorf("%s: nodes have /run, /var/lib and /var/log of their own; have it elsewhere (TMPDIR)", path)
		}
	}
	c.began = true
	if c.before, err = settings(); err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(filepath.Join(c.Dir, "logs"), 0o755), keys(c.Dir), netUp(), cgroupsUp()); err != nil {
		return err
	}
	if err := c.control(ctx); err != nil {
		return err
	}
	if c.dns, err = startDNS(); err != nil {
		return fmt.Errorf("DNS: %w", err)
	}
	for i := range nodes {
		n := c.newNode(i + 1)
		c.nodes = append(c.nodes, n)
		if err := n.start(ctx, c); err != nil {
			return err
		}
	}
	for _, n := range c.nodes {
		if err := n.load(ctx, images); err != nil {
			return err
		}
	}
	_, err = c.Kubectl(ctx, "wait", "--for=condition=Ready", "node", "--all", "--timeout=60s")
	if err != nil {
		return err
	}
	return until(ctx, func() error { // its controller makes it
		_, err := c.Kubectl(ctx, "get", "serviceaccount", "default")
		return err
	})
}

// control starts the control plane.
func (c *Cluster) control(ctx context.Context) error {
	const etcd = "http://127.0.0.1:22379"
	in := func(name string) string { return filepath.Join(c.Dir, name) }
	for _, p := range [][]string{
		{
			"etcd", "--data-dir", in("etcd"), "--listen-client-urls", etcd, "--advertise-client-urls", etcd,
			"--listen-peer-urls", "http://127.0.0.1:22380",
		},
		{
			c.Program, "kube-apiserver", "--etcd-servers", etcd, "--bind-address", home, "--advertise-address", home, "--secure-port", apiPort,
			"--service-cluster-ip-range", "10.96.0.0/24", "--tls-cert-file", in("api.crt"), "--tls-private-key-file", in("api.key"),
			"--client-ca-file", in("ca.crt"), "--service-account-issuer", "https://kubernetes.default.svc",
			"--service-account-key-file", in("sa.pub"),
			"--service-account-signing-key-file", in("sa.key"), "--token-auth-file", in("tokens.csv"), "--authorization-mode", "RBAC",
			"--allow-privileged", "--kubelet-preferred-address-types=InternalIP",
		},
		{
			c.Program, "kube-controller-manager", "--kubeconfig", c.Kubeconfig(), "--root-ca-file", in("ca.crt"),
			"--service-account-private-key-file", in("sa.key"), "--leader-elect=false", "--bind-address", "127.0.0.1", "--secure-port", "26257",
		},
		{
			c.Program, "kube-scheduler", "--kubeconfig", c.Kubeconfig(), "--leader-elect=false",
			"--bind-address", "127.0.0.1", "--secure-port", "26259",
		},
	} {
		name := p[0]
		if name == c.Program {
			name = p[1]
		}
		started, err := c.start(name, p...)
		if err != nil {
			return err
		}
		c.programs = append(c.programs, started)
		if name != "kube-apiserver" {
			continue
		}
		if err := until(ctx, func() error { _, err := c.Kubectl(ctx, "get", "--raw", "/readyz"); return err }); err != nil {
			return fmt.Errorf("%w; its log is %s", err, started.log)
		}
	}
	return nil
}

// kubectl is the administrator's, which caches nothing outside the folder.
func (c *Cluster) kubectl() []string {
	return []string{"kubectl", "--kubeconfig", c.Kubeconfig(), "--cache-dir", filepath.Join(c.Dir, "cache")}
}

// Script leaves a program that is kubectl for this cluster.
func (c *Cluster) Script() (string, error) {
	path := filepath.Join(c.Dir, "kubectl")
	text := fmt.Sprintf("#!/bin/sh\nexec %s %s \"$@\"\n", c.Program, strings.Join(c.kubectl(), " "))
	return path, os.WriteFile(path, []byte(text), 0o755)
}

// Kubectl runs kubectl as the administrator.
func (c *Cluster) Kubectl(ctx context.Context, words ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.Program, append(c.kubectl(), words...)...)
	said, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(words, " "), err, strings.TrimSpace(string(said)))
	}
	return string(said), nil
}

// Down ends all that Up has started, and leaves the machine as it was.
func (c *Cluster) Down() (err error) {
	if !c.began {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for _, n := range c.nodes {
		err = errors.Join(err, n.down())
	}
	if c.dns != nil {
		err = errors.Join(err, c.dns.conn.Close())
	}
	for i := len(c.programs) - 1; i >= 0; i-- {
		err = errors.Join(err, c.programs[i].stop())
	}
	return errors.Join(err, cgroupsDown(ctx), ip("link", "del", bridge), restore(c.before))
}

// program is one process with its log.
type program struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

func (c *Cluster) start(name string, words ...string) (*program, error) {
	p := &program{cmd: exec.Command(words[0], words[1:]...), log: filepath.Join(c.Dir, "logs", name+".log"), ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	return p, nil
}

// stop asks a program to end, and kills it when it does not soon: an API server that
// is watched takes more than 10 s.
func (p *program) stop() error {
	if p == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(3 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	return nil
}

// processesBelow are those that name a folder in their command line: what keeps a
// container's processes does, and nothing else can, for the folder is new.
func processesBelow(dir string) (pids []int) {
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well formed
	for _, f := range found {
		text, err := os.ReadFile(f)
		pid, _ := strconv.Atoi(strings.Split(f, "/")[2])
		if err == nil && pid != os.Getpid() && bytes.Contains(text, []byte(dir+"/")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// mountsBelow are the places of mounts that begin with a prefix.
func mountsBelow(prefix string) (places []string) {
	text, _ := os.ReadFile("/proc/self/mounts") // there always
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], prefix) {
			places = append(places, f[1])
		}
	}
	return places
}

// Left is what the cluster has left on the machine, in words.
func (c *Cluster) Left() (left []string) {
	if !c.began {
		return nil
	}
	for _, pid := range processesBelow(c.Dir) {
		left = append(left, "process "+strconv.Itoa(pid))
	}
	for _, m := range mountsBelow(c.Dir + "/") {
		left = append(left, "mount "+m)
	}
	for _, h := range hierarchies() {
		if _, err := os.Stat(filepath.Join(h, cgroupRoot)); err == nil {
			left = append(left, "control group "+filepath.Join(h, cgroupRoot))
		}
	}
	links, _ := filepath.Glob("/sys/class/net/dk*")
	return append(left, links...)
}
