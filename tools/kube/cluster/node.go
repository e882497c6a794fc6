package cluster

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"time"
)

//go:embed files
var files embed.FS

// node is one machine: its network namespace holds a containerd and a kubelet.
type node struct {
	Number             int
	Name, Dir, Socket  string
	Cgroup, Home, Pods string

	containerd, kubelet *program
}

func newNode(dir string, number int) *node {
	n := &node{Number: number, Name: nodeName(number), Home: home, Pods: podRange(number)}
	n.Dir, n.Cgroup = filepath.Join(dir, n.Name), cgroupRoot+"/"+n.Name
	n.Socket = filepath.Join(n.Dir, "containerd.sock")
	return n
}

// up starts the node with these images.
func (n *node) up(ctx context.Context, c *Cluster, images []string) error {
	for _, d := range []string{"cni", "kubelet", "certs", "podlogs"} {
		if err := os.MkdirAll(filepath.Join(n.Dir, d), 0o755); err != nil {
			return err
		}
	}
	err := errors.Join(
		n.fill("containerd.toml", "containerd.toml"), n.fill("kubelet.yaml", "kubelet.yaml"), n.fill("bridge.conflist", "cni/10-bridge.conflist"),
	)
	if err != nil {
		return err
	}
	inside := "--net=" + filepath.Join(netnsDir, n.Name)
	settings := filepath.Join(n.Dir, "containerd.toml")
	if n.containerd, err = c.start(n.Name+"-containerd", "nsenter", inside, "containerd", "-c", settings); err != nil {
		return err
	}
	if err := until(ctx, func() error { _, err := n.ctr(ctx, "version"); return err }); err != nil {
		return fmt.Errorf("containerd of %s: %w", n.Name, err)
	}
	for _, i := range images {
		if _, err := n.ctr(ctx, "images", "import", i); err != nil {
			return err
		}
	}
	n.kubelet, err = c.start(n.Name+"-kubelet", "nsenter", inside, c.Program, "kubelet",
		"--config", filepath.Join(n.Dir, "kubelet.yaml"), "--kubeconfig", c.Kubeconfig(), "--hostname-override", n.Name,
		"--node-ip", nodeAddress(n.Number), "--root-dir", filepath.Join(n.Dir, "kubelet"), "--cert-dir", filepath.Join(n.Dir, "certs"))
	return err
}

// fill writes a file of the node from its template.
func (n *node) fill(from, to string) error {
	t, err := template.ParseFS(files, "files/"+from)
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(n.Dir, to))
	if err != nil {
		return err
	}
	return errors.Join(t.Execute(f, n), f.Close())
}

// ctr asks the node's containerd.
func (n *node) ctr(ctx context.Context, words ...string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "ctr", append([]string{"-a", n.Socket, "-n", "k8s.io"}, words...)...)
	said, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("ctr %s: %w: %s", strings.Join(words, " "), err, strings.TrimSpace(string(said)))
	}
	return strings.Fields(string(said)), nil
}

// down ends the node: the kubelet first, since it would start again what ends, then
// what is left of its containers.
func (n *node) down(ctx context.Context) error {
	err := n.kubelet.stop()
	if n.containerd == nil {
		return err
	}
	tasks, lost := n.ctr(ctx, "tasks", "ls", "-q")
	for _, t := range tasks {
		_, _ = n.ctr(ctx, "tasks", "kill", "-s", "KILL", t)
	}
	for _, t := range tasks { // one that ends takes a moment to have ended
		lost = errors.Join(lost, until(ctx, func() error {
			_, err := n.ctr(ctx, "tasks", "rm", "-f", t)
			if err != nil && strings.Contains(err.Error(), "not found") {
				return nil
			}
			return err
		}))
	}
	return errors.Join(err, lost, n.containerd.stop())
}

// until tries again until something succeeds or a minute is over.
func until(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// PID is the process of a container on any node; 0: there is none.
func (c *Cluster) PID(ctx context.Context, container string) int {
	for _, n := range c.nodes {
		words, err := n.ctr(ctx, "tasks", "ls")
		for i := range words {
			if err == nil && words[i] == container && i+1 < len(words) {
				pid, _ := strconv.Atoi(words[i+1]) // ctr's
				return pid
			}
		}
	}
	return 0
}

// Cut takes a node off the network until Mend.
func (c *Cluster) Cut(node int) error { return cut(node, "down") }

// Mend puts a node back on the network.
func (c *Cluster) Mend(node int) error { return cut(node, "up") }
