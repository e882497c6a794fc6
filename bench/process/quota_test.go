//go:build linux

package process_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"dyno/systems"
)

// groups are the control groups that the kernel says a process is in.
func groups(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A process under a quota is in a control group of its own, which goes with it.
// Where the machine permits none, the error says why.
func TestLimit(t *testing.T) {
	ctx, g := open(t, nil)
	p := start(ctx, t, g, "server")
	l := p.(systems.Limiter)
	if err := l.Limit(0); err == nil || errors.Is(err, systems.ErrNoQuota) {
		t.Errorf("a quota of nothing: %v", err)
	}
	err := l.Limit(0.25)
	if errors.Is(err, systems.ErrNoQuota) {
		t.Skipf("this machine: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Limit(0.5); err != nil {
		t.Errorf("another quota: %v", err)
	}
	if text := groups(t, p.PID()); !strings.Contains(text, "/dyno-quota-") {
		t.Errorf("the process is in %s", text)
	}
	if strings.Contains(groups(t, os.Getpid()), "/dyno-quota-") {
		t.Error("the test itself is limited")
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := l.Limit(0.5); err == nil {
		t.Error("a process that has ended was limited")
	}
}
