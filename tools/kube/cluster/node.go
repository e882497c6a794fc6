package cluster

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"
)

//go:embed files
var files embed.FS

// place is where a node is, and its pods are.
type place struct{ Name, Address, Pods string }

// where is a node's place: on the bridge, and pods of node N have addresses of
// 10.90.N.0/24.
func where(number int) place {
	return place{fmt.Sprintf("dk%d", number), fmt.Sprintf("10.89.0.1%d", number), fmt.Sprintf("10.90.%d.0/24", number)}
}

// node is one machine: network, mounts and processes of its own, in which a
// containerd and a kubelet run.
type node struct {
	place
	Number                  int
	Other                   place
	Dir, Socket, Logs, Home string
	Program, Kubeconfig     string
	Cgroup                  string

	machine *program
}

func (c *Cluster) newNode(number int) *node {
	n := &node{
		place: where(number), Number: number, Other: where(nodes + 1 - number), Home: home,
		Program: c.Program, Kubeconfig: c.Kubeconfig(),
	}
	n.Dir, n.Logs, n.Cgroup = filepath.Join(c.Dir, n.Name), filepath.Join(c.Dir, "logs", n.Name), cgroupRoot+"/"+n.Name
	n.Socket = filepath.Join(n.Dir, "containerd.sock")
	return n
}

// start starts the node.
func (n *node) start(ctx context.Context, c *Cluster) (err error) {
	for _, d := range []string{"cni", "kubelet", "certs", "podlogs"} {
		if err := os.MkdirAll(filepath.Join(n.Dir, d), 0o755); err != nil {
			return err
		}
	}
	for from, to := range map[string]string{
		"bridge.conflist": "cni/10-bridge.conflist", "containerd.toml": "containerd.toml", "kubelet.yaml": "kubelet.yaml", "node.sh": "node.sh",
	} {
		err = errors.Join(err, n.fill(from, filepath.Join(n.Dir, to)))
	}
	if err != nil {
		return err
	}
	n.machine, err = c.start(n.Name, "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
		"sh", filepath.Join(n.Dir, "node.sh"))
	if err != nil {
		return err
	}
	return n.plug(ctx)
}

// plug brings the node its network, once it has left this machine's.
func (n *node) plug(ctx context.Context) error {
	pid := n.machine.cmd.Process.Pid
	here, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return err
	}
	err = until(ctx, func() error {
		there, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err == nil && there == here {
			err = fmt.Errorf("%s has no network of its own; its log is %s", n.Name, n.machine.log)
		}
		return err
	})
	if err != nil {
		return err
	}
	return ips(
		fmt.Sprintf("link add %s type veth peer name eth0 netns %d", n.link(), pid),
		fmt.Sprintf("link set %s master %s up", n.link(), bridge),
		fmt.Sprintf("route add %s via %s", n.Pods, n.Address))
}

// link is this machine's end of the node's cable.
func (n *node) link() string { return "dkv" + n.Name }

// load brings images once containerd answers.
func (n *node) load(ctx context.Context, images []string) error {
	if err := until(ctx, func() error { return n.ctr(ctx, "version") }); err != nil {
		return fmt.Errorf("containerd of %s: %w; its log is %s-containerd.log", n.Name, err, n.Logs)
	}
	for _, i := range images {
		if err := n.ctr(ctx, "images", "import", i); err != nil {
			return err
		}
	}
	return nil
}

// fill writes a file of the node from its template.
func (n *node) fill(from, to string) error {
	t, err := template.ParseFS(files, "files/"+from)
	if err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	return errors.Join(t.Execute(f, n), f.Close())
}

// ctr asks the node's containerd.
func (n *node) ctr(ctx context.Context, words ...string) error {
	cmd := exec.CommandContext(ctx, "ctr", append([]string{"-a", n.Socket, "-n", "k8s.io"}, words...)...)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ctr %s: %w: %s", strings.Join(words, " "), err, strings.TrimSpace(string(said)))
	}
	return nil
}

// down ends the node and all that runs there.
func (n *node) down() error {
	if n.machine == nil {
		return nil
	}
	err := n.machine.cmd.Process.Kill()
	<-n.machine.ended
	lost := ip("link", "del", n.link())
	if _, there := os.Stat("/sys/class/net/" + n.link()); there != nil { // it went with the node's end, or never was
		lost = nil
	}
	return errors.Join(err, lost)
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

// Kill kills the process of a container (SIGKILL), whatever node it is on.
func (c *Cluster) Kill(ctx context.Context, container string) (err error) {
	for _, n := range c.nodes {
		lost := n.ctr(ctx, "tasks", "kill", "-s", "SIGKILL", container)
		if lost == nil {
			return nil
		}
		err = errors.Join(err, lost)
	}
	return err
}

// Cut takes a node off the network until Mend.
func (c *Cluster) Cut(node int) error { return ip("link", "set", c.nodes[node-1].link(), "down") }

// Mend puts a node back on the network.
func (c *Cluster) Mend(node int) error { return ip("link", "set", c.nodes[node-1].link(), "up") }
