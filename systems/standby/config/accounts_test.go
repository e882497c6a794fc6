package config_test

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dyno/internal/atomicfile"
	"dyno/systems"
	"dyno/systems/standby/config"
)

func TestAccounts(t *testing.T) {
	two := map[string]int64{"acct1": 100, "acct2": 200}
	for text, want := range map[string]map[string]int64{
		"":                            {},
		"\n \n":                       {},
		"1, 100\n2,300\r\n\n 10 ,\t0": {"1": 100, "2": 300, "10": 0},
		"acct1, 100\nacct2, 200\n":    two,
		`{"acct1":100,"acct2":200}`:   two,
		"\n{\n‘acct1’:100,\n’acct2’:200\n}\n":      two, // as word processors print it
		"{'acct1': 100, 'acct2': 200}":             two, // as Python does
		"\xef\xbb\xbfa-b_c.D, 9223372036854775807": {"a-b_c.D": math.MaxInt64},
	} {
		if got, err := config.ParseAccounts("f", []byte(text)); err != nil || !maps.Equal(got, want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestAccountsMistakes(t *testing.T) {
	const whole = "is not a whole number from 0 to 9223372036854775807"
	for text, want := range map[string]string{
		"1, 100\n\n1, 100\n":            `f:3: account "1" comes again; it is on line 1 already`,
		"1, 100\n2, -1\n":               `f:2: balance "-1" ` + whole,
		"1, +1":                         `f:1: balance "+1" ` + whole,
		"1, 1.5":                        `f:1: balance "1.5" ` + whole,
		"1, 9223372036854775808":        `f:1: balance "9223372036854775808" ` + whole,
		"1,":                            `f:1: balance "" ` + whole,
		"1, 2, 3":                       `f:1: balance "2, 3" ` + whole,
		"account-id, balance":           `f:1: balance "balance" ` + whole,
		"1 100":                         `f:1: "1 100" is not "account-id, balance"`,
		", 5":                           `f:1: account id "" is not 1 to 64 letters, digits, '-', '_' and '.'`,
		"a b, 5":                        `f:1: account id "a b" is not 1 to 64 letters, digits, '-', '_' and '.'`,
		strings.Repeat("x", 65) + ", 5": `f:1: account id "` + strings.Repeat("x", 65) + `" is not 1 to 64 letters, digits, '-', '_' and '.'`,
		"{\n\"a\": 1,\n\"a\": 1}":       `f:3: "a" comes again; it is on line 2 already`,
		"{\n\"a\": 1,\n\"b\": -1}":      `f:3: balance "-1" ` + whole,
		"{\n\"a\": 1,\n\"b\": 1e3}":     `f:3: balance "1e3" ` + whole,
		"{\n\"a\": \"1\"}":              `f:2: balance of "a" is 1, want a whole number`,
		"{\n\"a b\": 1}":                `f:2: account id "a b" is not 1 to 64 letters, digits, '-', '_' and '.'`,
		"{\n\"a\": 1,\n":                `f:2: not a JSON object: it ends too early`,
	} {
		_, err := config.ParseAccounts("f", []byte(text))
		if err == nil || err.Error() != want || !systems.IsUsage(err) {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestFormat(t *testing.T) {
	got := string(config.FormatAccounts(map[string]int64{"acct1": 1, "10": 2, "2": 3, "02": 4, "Z": 5}))
	if want := "02, 4\n2, 3\n10, 2\nZ, 5\nacct1, 1\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// The hand-out's own server cut a checkpoint at 4 KB, which about 340 accounts
// fill.
func TestCourseFaultCheckpointCutAt4KB(t *testing.T) {
	for _, n := range []int{339, 340, 341, 5000} {
		want := map[string]int64{}
		for i := range n {
			want[fmt.Sprint(i+1)] = int64(i) * 7919
		}
		name := filepath.Join(t.TempDir(), "accounts")
		if err := config.WriteAccounts(name, want); err != nil {
			t.Fatal(err)
		}
		if got, err := config.ReadAccounts(name); err != nil || !maps.Equal(got, want) {
			t.Errorf("of %d accounts %d came back: %v", n, len(got), err)
		}
	}
}

// Whatever is read can be written, and is then read as the same; what cannot be
// read is an error with a line, never a crash.
func FuzzAccounts(f *testing.F) {
	f.Add([]byte("1, 100\n2, 300\n"))
	f.Add([]byte(`{"acct1":100,'acct2':200}`))
	f.Add([]byte("{\"a\":1,\n\"a\":"))
	f.Add([]byte("\xef\xbb\xbf\n\n 7 , 0 \r\n"))
	f.Add([]byte("1,, 2\n\x00, 5"))
	f.Fuzz(func(t *testing.T, text []byte) {
		accounts, err := config.ParseAccounts("f", text)
		if err != nil {
			var line int
			if n, _ := fmt.Sscanf(err.Error(), "f:%d: ", &line); n != 1 || line < 1 || line > 1+bytes.Count(text, []byte("\n")) {
				t.Fatalf("%q: no line, or one that is not there: %v", text, err)
			}
			return
		}
		for id, balance := range accounts {
			if balance < 0 || config.CheckID(id) != nil {
				t.Fatalf("%q: account %q has %d", text, id, balance)
			}
		}
		written := config.FormatAccounts(accounts)
		again, err := config.ParseAccounts("g", written)
		if err != nil || !maps.Equal(again, accounts) {
			t.Fatalf("%q was written as %q and read as %v: %v", text, written, again, err)
		}
	})
}

func FuzzHosts(f *testing.F) {
	f.Add(config.HostsExample)
	f.Add(`{"s1":"[::1]","s2":"::1","witness":"h:70000"}`)
	f.Fuzz(func(t *testing.T, text string) {
		h, err := config.ParseHosts("f", text)
		if err != nil {
			return
		}
		again, err := config.ParseHosts("g", fmt.Sprintf(`{"s1":%q,"s2":%q}`, h.S1, h.S2))
		if err != nil || again.S1 != h.S1 || again.S2 != h.S2 {
			t.Fatalf("%q is %+v, and that is %+v: %v", text, h, again, err)
		}
	})
}

const writerVar = "DYNO_TEST_ACCOUNTS" // names the file that a child process writes for ever

func TestMain(m *testing.M) {
	if name := os.Getenv(writerVar); name != "" {
		writeForEver(name)
	}
	os.Exit(m.Run())
}

// writeForEver writes files that hold one number, on 5000 accounts.
func writeForEver(name string) {
	for version := int64(0); ; version++ {
		if err := errorsOf(atomicfile.Sweep(name), config.WriteAccounts(name, version5000(version))); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(version)
	}
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func version5000(version int64) map[string]int64 {
	out := make(map[string]int64, 5000)
	for i := range 5000 {
		out[fmt.Sprint(i)] = version
	}
	return out
}

// A writer that is killed at any moment leaves one version whole: the last that
// it reported, or the one it was writing. What it left beside the file goes when
// the next one begins.
func TestFileSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "accounts")
	for range 15 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=none")
		cmd.Env = append(os.Environ(), writerVar+"="+name)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() {
			t.Fatal("the writer wrote nothing")
		}
		kill := time.AfterFunc(rand.N(15*time.Millisecond), func() { _ = cmd.Process.Kill() })
		last := lines.Text()
		for lines.Scan() {
			last = lines.Text()
		}
		kill.Stop()
		_ = cmd.Wait()
		got, err := config.ReadAccounts(name)
		if err != nil {
			t.Fatal(err)
		}
		var reported int64
		if _, err := fmt.Sscan(last, &reported); err != nil {
			t.Fatalf("the writer said %q", last)
		}
		if v := got["0"]; v != reported && v != reported+1 || !maps.Equal(got, version5000(v)) {
			t.Fatalf("version %d was reported last; the file holds %d accounts, the first with %d", reported, len(got), got["0"])
		}
	}
	if err := errorsOf(atomicfile.Sweep(name)); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
