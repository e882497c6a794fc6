package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// nodes are two machines, dk1 and dk2, on the bridge dkbr.
const (
	nodes  = 2
	bridge = "dkbr"
	home   = "10.89.0.1" // of the control plane
)

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
	if _, err := os.Stat("/sys/class/net/" + bridge); err == nil {
		return fmt.Errorf("the bridge %s is there: another run goes on, or has left it (ip link del %s)", bridge, bridge)
	}
	return nil
}

func netUp() error {
	return ips("link add "+bridge+" type bridge", "addr add "+home+"/24 dev "+bridge, "link set "+bridge+" up")
}

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
			for _, d := range []string{filepath.Join(h, cgroupRoot), filepath.Join(h, cgroupRoot, where(n+1).Name)} {
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

// cgroupsDown removes them, from the leaves up, once the last process has gone.
func cgroupsDown(ctx context.Context) (err error) {
	for _, h := range hierarchies() {
		err = errors.Join(err, until(ctx, func() error { return removeTree(filepath.Join(h, cgroupRoot)) }))
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
