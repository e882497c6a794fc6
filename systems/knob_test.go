package systems_test

import (
	"errors"
	"flag"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"dyno/systems"
)

var sys = &systems.System{
	Name: "toy",
	Knobs: systems.Knobs{
		{Name: "clients", Default: "8", Type: systems.Int{Min: 1, Max: 100}},
		{Name: "share", Default: "0.5", Type: systems.Float{Min: 0, Max: 1}},
		{Name: "pause", Default: "20ms", Type: systems.Duration{Min: 0, Max: time.Minute}},
		{Name: "policy", Default: "a", Type: systems.Choice{"a", "b"}},
		{Name: "capacity", Default: "", Type: systems.Floats{Min: 0.01, Max: 100}},
		{Name: "note", Default: "", Type: systems.Text{What: "anything"}},
		{Name: "word", Default: "x", Type: systems.Text{What: "a lower-case word", Check: func(s string) (string, error) {
			if strings.Contains(s, " ") {
				return "", errors.New("it has a blank")
			}
			return strings.ToLower(s), nil
		}}},
	},
}

// A size is written as a number of its unit, however a person wrote it.
func TestSize(t *testing.T) {
	k := systems.Size{Unit: "KiB", Min: 1, Max: 4096}
	for text, want := range map[string]string{
		"16": "16", "16KiB": "16", "4MiB": "4096", "4096B": "4", "0.5MiB": "512",
		"0": "", "4097": "", "5MiB": "", "1000": "1000", "1000B": "", "1kB": "", "lots": "", "-1": "", "": "",
	} {
		if got, err := k.Parse(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestResolve(t *testing.T) {
	v, err := sys.Resolve(map[string]string{"clients": "007", "pause": "1500ms", "capacity": "1, 0.20", "note": " a {b} ", "word": "Up"})
	if err != nil {
		t.Fatal(err)
	}
	if v.Int("clients") != 7 || v.Float("share") != 0.5 || v.Duration("pause") != 1500*time.Millisecond || v.Text("policy") != "a" {
		t.Errorf("resolved %v", v)
	}
	if v["pause"] != "1.5s" || v["capacity"] != "1,0.2" || v["clients"] != "7" || v["note"] != "a {b}" || v["word"] != "up" {
		t.Errorf("not canonical: %v", v)
	}
	if c := v.Floats("capacity"); len(c) != 2 || c[1] != 0.2 {
		t.Errorf("capacity %v", c)
	}
	for knob, bad := range map[string][]string{
		"clients":  {"0", "101", "x", "1.5", "", "99999999999999999999"},
		"share":    {"-0.1", "NaN", "1.01", "Inf"},
		"pause":    {"20", "-1ms", "2m", "soon"},
		"policy":   {"", "A", "c"},
		"capacity": {"1,,2", "0", "a", "NaN"},
		"note":     {"two\nlines", strings.Repeat("x", systems.MaxText+1)},
		"word":     {"two words"},
		"nonsense": {"1"},
	} {
		for _, text := range bad {
			if _, err := sys.Resolve(map[string]string{knob: text}); err == nil || !strings.Contains(err.Error(), knob) {
				t.Errorf("%s=%q: error %v, want one that names the knob", knob, text, err)
			}
		}
	}
}

func TestBind(t *testing.T) {
	fs := flag.NewFlagSet("x", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	v := sys.Knobs.Bind(fs, "clients", "policy")
	if err := fs.Parse([]string{"--clients", "12", "--policy=b"}); err != nil {
		t.Fatal(err)
	}
	if v.Int("clients") != 12 || v.Text("policy") != "b" || v.Duration("pause") != 20*time.Millisecond {
		t.Errorf("bound %v", v)
	}
	if fs.Lookup("pause") != nil {
		t.Error("a knob that was not named has a flag")
	}
	if err := fs.Parse([]string{"--policy=z"}); err == nil || !strings.Contains(err.Error(), "one of a, b") {
		t.Errorf("--policy=z: %v", err)
	}
}

func TestGettersPanicOnBugs(t *testing.T) {
	v, err := sys.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(){
		"undeclared": func() { v.Text("nonsense") },
		"wrong type": func() { v.Int("policy") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
	if math.IsNaN(v.Float("share")) {
		t.Error("share is not a number")
	}
}
