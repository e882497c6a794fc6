package ssh

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"dyno/systems"
)

func TestReadHosts(t *testing.T) {
	for text, want := range map[string]string{ // what the error says; empty: none
		"hosts: [{host: 10.0.0.1}, {host: box, advertise: 10.0.0.2, user: me, port: 2222, key: id}]": "",
		"hosts: []":                                   "0 hosts",
		"hosts: [{host: box}]":                        "advertise",
		"hosts: [{host: 0.0.0.0}]":                    "every address",
		"hosts: [{host: -oProxyCommand=x}]":           "host",
		"hosts: [{hots: 10.0.0.1}]":                   "hots",
		"hosts: [{host: 10.0.0.1, port: 70000}]":      "port",
		"hosts: [{host: 10.0.0.1}, {host: 10.0.0.1}]": "two hosts",
		"hosts: [{host: 10.0.0.1, name: runner}]":     "runner",
		"# " + strings.Repeat("-", maxHostsFile) + "\nhosts: [{host: 10.0.0.1}]": "longer than",
	} {
		path := filepath.Join(t.TempDir(), "hosts.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := ReadHosts(path)
		if want != "" && (!systems.IsUsage(err) || !strings.Contains(err.Error(), want)) || want == "" && err != nil {
			t.Errorf("%.99s: %v, want %q", text, err, want)
		}
		if want == "" && (found[1].Key != filepath.Join(filepath.Dir(path), "id") || found[0].Advertise != "10.0.0.1" || found[1].Name != "box") {
			t.Errorf("%s: %+v", text, found)
		}
	}
}

func TestJudge(t *testing.T) {
	programs := []Program{{Name: "dyno", Size: 100 << 20}}
	for text, want := range map[string]string{
		"system Plan9/mips\nfree 999999999\ntmp yes\n":        "built for",
		here + "lacks head\nfree 999999999\ntmp yes\n":        "head",
		here + "readonly /root/.cache/dyno\nfree \ntmp yes\n": "XDG_CACHE_HOME",
		here + "free 1000\ntmp yes\n":                         "room",
		here + "free 999999999\ntmp \n":                       "TMPDIR",
		"":                                                    "a shell",
		"Welcome!\n" + here:                                   "(free, tmp)",
		here + "free 999999999\ntmp yes\n":                    "",
	} {
		got := judge(text, programs)
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
			t.Errorf("%q: lacks %q, want %q", text, got, want)
		}
	}
}

// here is what a host says that is like this one.
var here = "system " + strings.ToUpper(runtime.GOOS) + "/" + machine() + "\n"

// machine is what uname calls this architecture.
func machine() string {
	for name, arch := range architectures {
		if arch == runtime.GOARCH {
			return name
		}
	}
	return ""
}

// The script that becomes the agent asks for a program once, and refuses one that
// does not arrive as it was.
func TestScript(t *testing.T) {
	dir := t.TempDir()
	program := Program{Name: "dyno", Path: filepath.Join(dir, "dyno")}
	text := "#!/bin/sh\necho I am \"$@\"\n"
	if err := os.WriteFile(program.Path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := program.measure(); err != nil {
		t.Fatal(err)
	}
	h := Host{Advertise: "10.0.0.1"}
	run := func(input string) (out []string, err error) {
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", h.script([]Program{program}))
		cmd.Env = []string{"XDG_CACHE_HOME=" + filepath.Join(dir, "cache"), "PATH=" + os.Getenv("PATH")}
		cmd.Stdin = strings.NewReader(input)
		said, err := cmd.Output()
		return strings.Split(strings.TrimSpace(string(said)), "\n"), err
	}
	if out, err := run(strings.ToUpper(text)); err == nil {
		t.Errorf("another file was taken: %q", out)
	}
	if out, err := run(text[:5]); err == nil {
		t.Errorf("half a file was taken: %q", out)
	}
	agent := "I am agent --stdio --advertise 10.0.0.1"
	for i, want := range [][]string{{mark + "want dyno", mark + "go", agent}, {mark + "go", agent}} {
		if out, err := run(text + "gRPC"); err != nil || !slices.Equal(out, want) {
			t.Errorf("time %d: %q, %v", i+1, out, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "cache", "dyno", "*", ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("half copies are left: %q, %v", left, err)
	}
}
