package cluster

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

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
