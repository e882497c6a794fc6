package process

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"dyno/systems"
)

const (
	// quotaPrefix begins the names of the control groups that a process makes.
	quotaPrefix = "dyno-quota"

	// quotaPeriod is how often a quota is renewed: a process that has used its
	// own waits for the next period. The kernel's default of 100 ms would be
	// felt in every response time.
	quotaPeriod = 10 * time.Millisecond
	quotaLeast  = time.Millisecond // the kernel's least share of a period; small quotas get longer periods
	quotaMin    = 0.01             // cores
	quotaMax    = 1024
)

// groupHome is where this process may make control groups for its children.
type groupHome struct {
	dir string
	v2  bool
}

// noQuota is a [systems.ErrNoQuota] with the reason.
func noQuota(format string, args ...any) error {
	return fmt.Errorf("%w: %s", systems.ErrNoQuota, fmt.Sprintf(format, args...))
}

// ownGroupFolder finds the control group that this process is in, of a controller:
// in version 1's own hierarchy at top, or in version 2. root is that of the file
// system, "/" but in tests.
func ownGroupFolder(root, controller string) (dir, top string, v2 bool, err error) {
	mounts, err := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return "", "", false, noQuota("this system has no control groups (%v)", err)
	}
	own, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return "", "", false, noQuota("this process is in no control group (%v)", err)
	}
	first, second := groupMounts(string(mounts), controller)
	m := first
	path, ok := ownGroup(string(own), controller)
	if !ok || m == nil {
		m, v2 = second, true
		path, ok = ownGroup(string(own), "")
	}
	if !ok || m == nil {
		return "", "", false, noQuota("no hierarchy of control groups with the controller %s is mounted", controller)
	}
	top = filepath.Join(root, m.point)
	return filepath.Join(top, strings.TrimPrefix(path, strings.TrimSuffix(m.root, "/"))), top, v2, nil
}

// findGroupHome finds where groups can be limited by a controller.
//
// In version 2 a group with processes in it cannot limit groups below it,
// unless it is the root: then the new ones go beside it.
func findGroupHome(root, controller string) (groupHome, error) {
	dir, _, v2, err := ownGroupFolder(root, controller)
	if err != nil || !v2 {
		return groupHome{dir: dir}, err
	}
	for _, dir := range []string{dir, filepath.Dir(dir)} {
		enabled, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
		if err == nil && slices.Contains(strings.Fields(string(enabled)), controller) {
			return groupHome{dir: dir, v2: true}, nil
		}
	}
	return groupHome{}, noQuota("the controller %s is not enabled below or beside %s (cgroup.subtree_control)", controller, dir)
}

// QuotaHome says where processor time can be limited, by making a control group
// there and removing it; else it is a [systems.ErrNoQuota] with the reason.
func QuotaHome() (string, error) {
	home, err := findGroupHome("/", "cpu")
	if err != nil {
		return "", err
	}
	group, err := scratch(home.dir, quotaPrefix)
	if err != nil {
		return "", noQuota("%v", err)
	}
	return home.dir, group.Release()
}

// groupMount is a hierarchy of control groups.
type groupMount struct{ root, point string }

// groupMounts reads mountinfo: "36 35 98:0 /root /point options - type source
// options", with any number of fields before the hyphen.
func groupMounts(mountinfo, controller string) (v1, v2 *groupMount) {
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(line, " - ")
		where, what := strings.Fields(before), strings.Fields(after)
		if len(where) < 5 || len(what) < 3 {
			continue
		}
		m := &groupMount{root: where[3], point: where[4]}
		switch {
		case what[0] == "cgroup2" && v2 == nil:
			v2 = m
		case what[0] == "cgroup" && v1 == nil && slices.Contains(strings.Split(what[2], ","), controller):
			v1 = m
		}
	}
	return v1, v2
}

// ownGroup reads /proc/self/cgroup: "4:cpu,cpuacct:/path", and for version 2
// "0::/path".
func ownGroup(text, controller string) (path string, ok bool) {
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && slices.Contains(strings.Split(parts[1], ","), controller) {
			return parts[2], true
		}
	}
	return "", false
}

// Limit limits the processor time, by a control group of the process's own.
// It is removed when the process has ended, or, if dyno was killed meanwhile,
// by the next call of Limit in any run.
func (c *child) Limit(cores float64) error {
	if !(cores >= quotaMin && cores <= quotaMax) {
		return fmt.Errorf("%s: a quota of %v cores; give %v to %v", c.Name(), cores, quotaMin, quotaMax)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return fmt.Errorf("%s has ended and cannot be limited", c.Name())
	}
	home, err := findGroupHome("/", "cpu")
	if err != nil {
		return err
	}
	if c.quota == nil {
		if c.quota, err = scratch(home.dir, quotaPrefix); err != nil {
			return noQuota("%v", err)
		}
	}
	return home.limit(c.quota.Path, c.PID(), cores)
}

// limit sets the quota of a group and puts a process into it, with all its
// threads.
func (h groupHome) limit(group string, pid int, cores float64) error {
	period := max(quotaPeriod, time.Duration(float64(quotaLeast)/cores))
	quota := strconv.FormatInt(time.Duration(cores*float64(period)).Microseconds(), 10)
	every := strconv.FormatInt(period.Microseconds(), 10)
	settings := [][2]string{{"cpu.cfs_period_us", every}, {"cpu.cfs_quota_us", quota}}
	if h.v2 {
		settings = [][2]string{{"cpu.max", quota + " " + every}}
	}
	for _, s := range append(settings, [2]string{"cgroup.procs", strconv.Itoa(pid)}) {
		// Such files are there already; making one would be a mistake.
		f, err := os.OpenFile(filepath.Join(group, s[0]), os.O_WRONLY, 0)
		if err != nil {
			return noQuota("%v", err)
		}
		_, err = f.WriteString(s[1])
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return noQuota("%s: %v", s[1], err)
		}
	}
	return nil
}

// groupCPU is the CPU seconds that a control group has counted: in version 2,
// and in version 1 where the controller cpuacct shares the hierarchy. 0: it does
// not count.
func groupCPU(group string) float64 {
	if text, err := os.ReadFile(filepath.Join(group, "cpuacct.usage")); err == nil {
		ns, _ := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
		return ns / 1e9
	}
	text, err := os.ReadFile(filepath.Join(group, "cpu.stat"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "usage_usec" {
			us, _ := strconv.ParseFloat(f[1], 64)
			return us / 1e6
		}
	}
	return 0
}
