package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// nodes are two machines, dk1 and dk2, on the bridge dkbr; pods of node N have
// addresses of 10.90.N.0/24.
const (
	nodes    = 2
	bridge   = "dkbr"
	home     = "10.89.0.1" // of the control plane
	netnsDir = "/run/netns"
)

func nodeName(n int) string    { return fmt.Sprintf("dk%d", n) }
func nodeAddress(n int) string { return fmt.Sprintf("10.89.0.1%d", n) }
func podRange(n int) string    { return fmt.Sprintf("10.90.%d.0/24", n) }

// ip runs one command of iproute2.
func ip(words ...string) error {
	if said, err := exec.Command("ip", words...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(words, " "), err, strings.TrimSpace(string(said)))
	}
	return nil
}

func ips(lines ...string) error {
	for _, l := range lines {
		if err := ip(strings.Fields(l)...); err != nil {
			return err
		}
	}
	return nil
}

// free refuses to take what another cluster has.
func free() error {
	if _, err := os.Stat(filepath.Join(netnsDir, nodeName(1))); err == nil {
		return fmt.Errorf("the namespace %s is there: another run goes on, or has left it (ip netns del %s; ip link del %s)",
			nodeName(1), nodeName(1), bridge)
	}
	return nil
}

func netUp() error {
	lines := []string{"link add " + bridge + " type bridge", "addr add " + home + "/24 dev " + bridge, "link set " + bridge + " up"}
	for n := range nodes {
		name, link := nodeName(n+1), fmt.Sprintf("dkv%d", n+1)
		in := "-n " + name + " "
		lines = append(lines, "netns add "+name,
			"link add "+link+" type veth peer name eth0 netns "+name,
			"link set "+link+" master "+bridge+" up",
			in+"addr add "+nodeAddress(n+1)+"/24 dev eth0", in+"link set eth0 up", in+"link set lo up",
			in+"route add default via "+home,
			"route add "+podRange(n+1)+" via "+nodeAddress(n+1))
	}
	lines = append(lines,
		"-n dk1 route add "+podRange(2)+" via "+nodeAddress(2),
		"-n dk2 route add "+podRange(1)+" via "+nodeAddress(1))
	if err := ips(lines...); err != nil {
		return err
	}
	for n := range nodes {
		forward := exec.Command("nsenter", "--net="+filepath.Join(netnsDir, nodeName(n+1)), "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
		if said, err := forward.CombinedOutput(); err != nil {
			return fmt.Errorf("forwarding in %s: %w: %s", nodeName(n+1), err, said)
		}
	}
	return nil
}

func netDown() error {
	var errs []error
	for n := range nodes {
		errs = append(errs, ip("netns", "del", nodeName(n+1)))
	}
	return errors.Join(append(errs, ip("link", "del", bridge))...)
}

// cut takes a node off the network, or puts it back.
func cut(n int, state string) error { return ip("link", "set", fmt.Sprintf("dkv%d", n), state) }

// kept are settings of the whole machine that a kubelet changes.
var kept = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

// settings reads them.
func settings() (map[string]string, error) {
	out := make(map[string]string)
	for _, name := range kept {
		text, err := os.ReadFile("/proc/sys/" + name)
		if err != nil {
			return nil, err
		}
		out[name] = strings.TrimSpace(string(text))
	}
	return out, nil
}

func restore(settings map[string]string) (err error) {
	for name, value := range settings {
		err = errors.Join(err, os.WriteFile("/proc/sys/"+name, []byte(value), 0o644))
	}
	return err
}

// Control groups: each node has a root of its own in every hierarchy.
func hierarchies() []string {
	dirs, _ := filepath.Glob("/sys/fs/cgroup/*") // the pattern is well formed
	var out []string
	for _, d := range dirs {
		if _, err := os.Stat(filepath.Join(d, "cgroup.procs")); err == nil {
			out = append(out, d)
		}
	}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.procs"); err == nil { // version 2
		out = []string{"/sys/fs/cgroup"}
	}
	return out
}

const cgroupRoot = "dynokube"

func cgroupsUp() error {
	for _, h := range hierarchies() {
		for n := range nodes {
			for _, d := range []string{filepath.Join(h, cgroupRoot), filepath.Join(h, cgroupRoot, nodeName(n+1))} {
				if err := os.MkdirAll(d, 0o755); err != nil {
					return err
				}
				for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // empty in a new one: nothing could run there
					if text, err := os.ReadFile(filepath.Join(h, file)); err == nil {
						if err := os.WriteFile(filepath.Join(d, file), text, 0o644); err != nil {
							return err
						}
					}
				}
			}
		}
	}
	return nil
}

// cgroupsDown removes them, from the leaves up.
func cgroupsDown() (err error) {
	for _, h := range hierarchies() {
		err = errors.Join(err, removeTree(filepath.Join(h, cgroupRoot)))
	}
	return err
}

func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // it is not there
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return os.Remove(dir)
}
