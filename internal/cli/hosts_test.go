//go:build linux

package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dyno/bench/agent"
	"dyno/bench/ssh"
	"dyno/experiments"
	"dyno/internal/record"
)

// insideVar says that the process has namespaces of its own.
const insideVar = "DYNO_TEST_INSIDE"

// The same experiments here and over SSH on two machines, which are network
// namespaces with an sshd, a /tmp and a home each, and the commands of
// docs/many-machines.md; then with an agent killed, a machine cut off, and the runner
// killed. All namespaces are those of one process: with it everything is gone.
func TestHosts(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, for network namespaces")
	}
	for _, program := range []string{"/usr/sbin/sshd", "/usr/bin/ssh", "/usr/bin/ssh-keygen", "/usr/sbin/ip"} {
		if _, err := os.Stat(program); err != nil {
			t.Skipf("needs %s: apt-get install openssh-server openssh-client iproute2", program)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestHostsInside$", "-test.v", "-test.timeout=9m")
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "DYNO_TEST_") }), insideVar+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL,
	}
	runtime.LockOSThread() // whose end the kernel takes for the parent's
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL):
		t.Skipf("no namespaces can be made here: %v", err)
	case err != nil || !bytes.Contains(out, []byte("PASS: TestHostsInside")) && !bytes.Contains(out, []byte("SKIP: TestHostsInside")):
		t.Errorf("%v\n%s", err, out)
	default:
		t.Logf("%s", out)
	}
}

// shell runs a script.
func shell(t *testing.T, script string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "/bin/sh", "-ec", script).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, script, out)
	}
}

// keys is a folder that all machines see.
const keys = "/run/keys"

const sshdConfig = `HostKey ` + keys + `/host
AuthorizedKeysFile ` + keys + `/user.pub
PermitRootLogin yes
PasswordAuthentication no
StrictModes no
UsePAM no
UseDNS no
PidFile none
AcceptEnv DYNO_TEST_*
`

// lan makes a bridge and two machines on it, 10.77.0.11 and 10.77.0.12, and returns
// the hosts file.
func lan(t *testing.T) (hosts string) {
	t.Helper()
	shell(t, `mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd `+keys+`
ssh-keygen -q -t ed25519 -N "" -f `+keys+`/host
ssh-keygen -q -t ed25519 -N "" -f `+keys+`/user
ip link set lo up
ip link add lan type bridge
ip addr add 10.77.0.1/24 dev lan
ip link set lan up`)
	if err := os.WriteFile(keys+"/sshd_config", []byte(sshdConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	programs, err := ssh.Programs()
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	lines.WriteString("hosts:\n")
	for i, name := range []string{"a", "b"} {
		ip := fmt.Sprintf("10.77.0.%d", 11+i)
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-ec", `mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /root
cd /
until ip link show eth0 >/dev/null 2>&1; do sleep 0.01; done
ip link set lo up
ip addr add `+ip+`/24 dev eth0
ip link set eth0 up
exec /usr/sbin/sshd -D -e -f `+keys+`/sshd_config`)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // killed
			if t.Failed() {
				t.Logf("sshd of %s: %s", name, &said)
			}
		})
		shell(t, fmt.Sprintf("ip link add to-%[1]s type veth peer name eth0 netns %[2]d\nip link set to-%[1]s master lan up", name, cmd.Process.Pid))
		until(t, "sshd of "+name+" listens", func() bool {
			conn, err := net.DialTimeout("tcp", ip+":22", time.Second)
			if err == nil {
				_ = conn.Close()
			}
			return err == nil
		})
		// The test's binary is dyno there, too, where it is copied to.
		fmt.Fprintf(&lines, "- {name: %s, host: %s, user: root, key: %s/user, options: [StrictHostKeyChecking=no, UserKnownHostsFile=/dev/null, "+
			"LogLevel=ERROR, SetEnv=DYNO_TEST_BINARY=/root/.cache/%s/dyno]}\n", name, ip, keys, ssh.Folder(programs))
	}
	hosts = filepath.Join(t.TempDir(), "hosts.yaml")
	if err := os.WriteFile(hosts, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return hosts
}

const farBalancer = `name: far-balancer
title: A balancer
question: Does the same file measure on two machines?
system: lookaside
load: {loop: closed}
knobs: {servers: 2, service-time: 40ms, distribution: exp, clients: 4}
core:
  - policy: [round_robin, least_load]
scales:
  full: {blocks: 1, length: 400ms, warmup: 100ms}
  deep: {blocks: 1, length: 400ms, warmup: 100ms}
`

const farBank = `name: far-bank
title: A bank
question: Does what branches wrote down come back from their machines, and are they struck under load?
system: branchbank
load: {loop: closed}
knobs: {queries: 0, balance: 1000000, clients: 4, branches: 2, faults: "pause b2@100ms..200ms; cut b1-b2@250ms..300ms"}
placement: apart
core:
  - propagate: [sync]
scales:
  full: {blocks: 1, length: 400ms, warmup: 100ms}
  deep: {blocks: 1, length: 400ms, warmup: 100ms}
`

const farStandby = `name: far-standby
title: A primary and its standby
question: What is left of a run whose machines fail?
system: standby
load: {loop: closed}
placement: {server: [1, 2], witness: [1], load: [2]}
knobs: {clients: 4}
core:
  - storage: [disk]
scales:
  full: {blocks: 3, length: 1500ms, warmup: 100ms}
  deep: {blocks: 3, length: 1500ms, warmup: 100ms}
`

const farEcho = `name: far-echo
title: An echo
question: What is left of a run one of whose sets of machines dies?
system: echo
load: {loop: closed}
core:
  - clients: [2]
scales:
  full: {blocks: 6, length: 1500ms, warmup: 100ms}
  deep: {blocks: 6, length: 1500ms, warmup: 100ms}
`

// TestHostsInside is what TestHosts runs.
func TestHostsInside(t *testing.T) {
	if os.Getenv(insideVar) == "" {
		t.Skip("TestHosts runs it, in namespaces")
	}
	hosts, dir := lan(t), t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name+".yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	here, there := filepath.Join(dir, "here"), filepath.Join(dir, "there")
	files := []string{"run", file("far-balancer", farBalancer), file("far-bank", farBank), "--yardsticks=false", "--out"}
	must(t, "has all that an agent needs", "deploy", "ssh", "--check", hosts)
	must(t, "b to a: ", "deploy", "ssh", hosts)
	must(t, "placement apart: branch: a; ", append(slices.Clone(files), there, "--hosts", hosts, "--dry-run")...)
	must(t, "3 valid", append(slices.Clone(files), there, "--hosts", hosts)...)
	if _, out, errOut := dyno(t, append(slices.Clone(files), here)...); !strings.Contains(out, "3 trials: ") { // valid or not: that is for others
		t.Errorf("%s\n%s", out, errOut)
	}
	for _, name := range []string{"far-balancer", "far-bank"} {
		compareRows(t, name, here, there)
	}
	if left := agents(t); len(left) > 0 {
		t.Errorf("after a run agents are left: %v", left)
	}
	if os.Getenv(everyVar) == "cost" {
		compareCost(t, hosts, dir, files[1:len(files)-1])
		return
	}
	if os.Getenv(everyVar) != "" {
		everySystem(t, hosts, here, there)
		pageSays(t, hosts)
		setDies(t, hosts, file("far-echo", farEcho), there+"-sets")
	}
	hardships(t, hosts, file("far-standby", farStandby), there)
}

// everyVar has the experiments of this repository run here and there, too: minutes.
const everyVar = "DYNO_HOSTS"

// everySystem runs experiments of all systems that several machines can run, unchanged,
// here and over SSH; and one that they cannot.
func everySystem(t *testing.T, hosts, here, there string) {
	t.Helper()
	names := []string{"branch-faults", "standby-failover", "byzantine-cost", "session-guarantees", "2pc-crashes", "lb-faults"}
	args := append(append([]string{"run"}, names...), "--scale", "quick", "--blocks", "1", "--yardsticks=false", "--out")
	must(t, " 0 invalid, 0 unknown, 0 without", append(slices.Clone(args), here)...)
	must(t, " 0 invalid, 0 unknown, 0 without", append(slices.Clone(args), there, "--hosts", hosts)...)
	for _, name := range names {
		compareRows(t, name, here, there)
	}
	_, out, errOut := dyno(t, "run", "mr-scaling", "--scale", "quick", "--yardsticks=false", "--out", there, "--hosts", hosts)
	if all := out + errOut; !strings.Contains(all, "has input and output in a folder that its workers share") {
		t.Errorf("mapreduce over SSH: %s", all)
	}
}

// pageSays runs what docs/many-machines.md tells of SSH, word by word.
func pageSays(t *testing.T, hosts string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/many-machines.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(hosts))
	lines := regexp.MustCompile(`(?m)^dyno (?:deploy ssh|run) .*$`).FindAllString(string(text), -1)
	if len(lines) != 5 {
		t.Errorf("the commands of the page are %q", lines)
	}
	for _, l := range lines {
		words := ""
		if strings.Contains(l, "--out") {
			words = " 0 invalid, 0 unknown, 0 without"
		}
		must(t, words, strings.Fields(l)[1:]...)
	}
}

// setDies runs an experiment on two sets, one of which is off the network for good from
// its first trial on: the other measures what is left, each trial once.
func setDies(t *testing.T, hosts, file, out string) {
	t.Helper()
	const blocks = 6
	args := []string{"run", file, "--hosts", hosts, "--sets", "2", "--blocks", strconv.Itoa(blocks), "--out", out, "--yardsticks=false"}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the second set measures", func() bool {
		files, _ := filepath.Glob(filepath.Join(out, "results", "raw", "far-echo-*", experiments.LiveFile)) // the pattern is well formed
		return slices.ContainsFunc(files, func(f string) bool {
			text, _ := os.ReadFile(f)
			return bytes.Contains(text, []byte(`"machine":"b"`))
		})
	})
	shell(t, "ip link set to-b down")
	err = cmd.Wait()
	shell(t, "ip link set to-b up")
	if !strings.Contains(said.String(), "set 2 of machines (b) is given up, the others go on") {
		t.Errorf("%v: the run goes on without a set, and does not say so: %s", err, &said)
	}
	must(t, fmt.Sprintf("%d valid", blocks), args...)
	var valid []string
	for id, trial := range stored(t, out, "far-echo") {
		if id, _, _ = strings.Cut(id, "."); trial.Status() == record.Valid {
			valid = append(valid, id)
		}
	}
	slices.Sort(valid)
	if len(valid) != blocks || len(slices.Compact(slices.Clone(valid))) != blocks {
		t.Errorf("valid are %q", valid)
	}
	t.Logf("a set died, and %d trials are valid: %s", len(valid), &said)
}

// must runs dyno and wants its success, and words in what it prints.
func must(t *testing.T, words string, args ...string) {
	t.Helper()
	began := time.Now()
	code, out, errOut := dyno(t, args...)
	if code == 1 && strings.Contains(out, " 0 invalid") { // the machine is busy: what proved nothing is measured again
		code, out, errOut = dyno(t, args...)
	}
	proven(t, out)
	if code != 0 || !strings.Contains(out, words) {
		t.Fatalf("dyno %s: exit %d, want %q in\n%s\n%s", strings.Join(args, " "), code, words, out, errOut)
	}
	t.Logf("dyno %s: %v", strings.Join(args, " "), time.Since(began).Round(time.Millisecond))
}

// stored are the trials of an experiment in a folder, by their ids.
func stored(t *testing.T, out, name string) map[string]*record.Trial {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(out, "results", name, "trials.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	trials := make(map[string]*record.Trial)
	for line := range strings.Lines(string(text)) {
		trial := new(record.Trial)
		if err := json.Unmarshal([]byte(line), trial); err != nil {
			t.Fatal(err)
		}
		trials[trial.ID] = trial
	}
	return trials
}

// compareRows wants the trials of both folders to be the same, but for what was
// measured, and those over SSH to say where.
func compareRows(t *testing.T, name, here, there string) {
	t.Helper()
	near, far := stored(t, here, name), stored(t, there, name)
	for id, n := range near {
		f := far[id]
		if f == nil {
			t.Errorf("%s was not measured over SSH", id)
			continue
		}
		if f.Seed != n.Seed || f.Cell != n.Cell || (f.Status() == record.Valid) != (f.Control == "") {
			t.Errorf("%s over SSH is %s, seed %d, cell %d; here seed %d, cell %d", id, f.Status(), f.Seed, f.Cell, n.Seed, n.Cell)
		}
		used := make(map[string]bool)
		for _, machine := range f.Machines {
			used[machine] = true
		}
		if memory := f.Values["transport"] == "memory"; !memory && (!used["a"] || !used["b"]) || len(n.Machines) > 0 {
			t.Errorf("%s: machines %v, and here %v", id, f.Machines, n.Machines)
		}
		if ours, theirs := len(n.Observation.Evidence.Processes), len(f.Observation.Evidence.Processes); ours != theirs && name != "2pc-crashes" { // which dies as often as there is time
			t.Errorf("%s: %d processes were witnessed, %d here", id, theirs, ours)
		}
		t.Logf("%s: %.2f s here, %.2f s over SSH, beside a window of %.2f s; earlier attempts here %q, there %q", id, n.Took, f.Took, f.Length,
			n.Rejected, f.Rejected)
	}
	var run record.Run
	text, err := os.ReadFile(filepath.Join(there, "results", name, "run.json"))
	if err == nil {
		err = json.Unmarshal(text, &run)
	}
	if err != nil || len(run.Environment.Machines) != 2 || len(run.Blocks) == 0 || len(run.Blocks[0].Trips) != 4 {
		t.Errorf("%s: run.json: %v, machines %+v, blocks %+v", name, err, run.Environment.Machines, run.Blocks)
	}
}

// agents are the processes of agents on both machines: those whose program was copied
// there, by its path.
func agents(t *testing.T) (pids []int) {
	t.Helper()
	for _, pid := range marked(t, "DYNO_TEST_BINARY=/root/.cache/") {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && len(line) > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// hardships kills an agent, cuts a machine off for 5 s, and kills the runner; then the
// run goes on and comes to its end.
func hardships(t *testing.T, hosts, file, out string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"run", file, "--hosts", hosts, "--out", out, "--yardsticks=false"}
	cmd := exec.Command(exe, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			t.Logf("the run said: %s", &said)
		}
	}()
	trials := filepath.Join(out, "results", "far-standby", "trials.jsonl")
	lines := func() int {
		text, _ := os.ReadFile(trials)
		return bytes.Count(text, []byte("\n"))
	}
	client := func() (pid int) { // of the trial that runs
		for _, pid := range agents(t) {
			if line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); bytes.Contains(line, []byte("\x00load\x00")) {
				return pid
			}
		}
		return 0
	}
	until(t, "the first trial runs", func() bool { return client() != 0 })
	journal := func(machine string) (size int64) { // as far as it is here
		dir := os.DirFS(filepath.Join(out, "results", "raw", "far-standby-b01-c001", agent.LostDir, machine))
		_ = fs.WalkDir(dir, ".", func(path string, d fs.DirEntry, err error) error { // it comes and goes
			if err == nil && strings.Contains(path, "/") && strings.HasSuffix(path, ".log") {
				if info, err := d.Info(); err == nil {
					size += info.Size()
				}
			}
			return nil
		})
		return size
	}
	until(t, "what servers write down comes while the trial runs", func() bool { return journal("b") > 0 })
	if err := syscall.Kill(parent(t, client()), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "the first trial is given up", func() bool { return lines() == 1 })
	if lost, other := journal("b"), journal("a"); lost == 0 || other > 0 {
		t.Errorf("in the bundle are %d bytes of journals of the machine that was lost, and %d of the other one, whose files were fetched", lost, other)
	}
	told := func() []byte {
		text, _ := os.ReadFile(filepath.Join(out, "results", "raw", "far-standby-b02-c001", experiments.LiveFile))
		return text
	}
	until(t, "the second trial's load has told of itself", func() bool { return len(told()) > 0 })
	shell(t, "ip link set to-b down")
	time.Sleep(5 * time.Second) // for as long it is cut off
	shell(t, "ip link set to-b up")
	until(t, "the third trial runs", func() bool { return lines() == 2 && client() != 0 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	until(t, "no agent is left, nor a role", func() bool { return len(agents(t)) == 0 })
	left := stored(t, out, "far-standby")
	for id, why := range map[string]string{"far-standby-b01-c001": "its agent has ended", "far-standby-b02-c001": "answered no heartbeat"} {
		if left[id] == nil || !strings.Contains(left[id].Error, why) {
			t.Errorf("%s: %+v; want the error %q\n%s", id, left[id], why, &said)
		}
	}
	if !bytes.Contains(told(), []byte(`"latency":`)) {
		t.Errorf("of the trial whose machine was lost nothing is left: %s", told())
	}
	must(t, "3 trials: 3 valid", args...)
	if left := agents(t); len(left) > 0 {
		t.Errorf("agents are left: %v", left)
	}
}

// parent is that of a process.
func parent(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	ppid, err := strconv.Atoi(strings.Fields(rest)[1])
	if err != nil {
		t.Fatal(err)
	}
	return ppid
}
