package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dyno/systems"
	"dyno/systems/standby/config"
)

func TestHosts(t *testing.T) {
	for text, want := range map[string]config.Hosts{
		config.HostsExample: {S1: "10.0.0.1:50051", S2: "10.0.0.2:50051"},
		"\xef\xbb\xbf{\r\n\"s2\":\"h2:1\",\r\n\"s1\":\" h1 \"}\r\n":             {S1: "h1:50051", S2: "h2:1"},
		`{"s1":"::1","s2":"[::1]:7","witness":"fe80::1"}`:                       {S1: "[::1]:50051", S2: "[::1]:7", Witness: "[fe80::1]:50051"},
		`{"s1":"[::2]","s2":"localhost:65535","witness":"w.example.org:50052"}`: {S1: "[::2]:50051", S2: "localhost:65535", Witness: "w.example.org:50052"},
	} {
		if got, err := config.ParseHosts("f", text); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
}

// Each mistake is told with its line, and what to write instead.
func TestHostsMistakes(t *testing.T) {
	for text, want := range map[string]string{
		``:                                        `f:1: not a JSON object: it ends too early`,
		"\n\n[]":                                  `f:3: not a JSON object: it does not begin with {`,
		"{\n\"s1\": \"h\",\n":                     `f:2: not a JSON object: it ends too early`,
		"{\n\"s1\": \"h\"\n\"s2\": \"i\"}":        `f:3: not a JSON object: invalid character '"' after object key:value pair`,
		`{"s1":"h","s2":"i"} x`:                   `f:1: not a JSON object: there is more after the object`,
		"{\"s1\":\"h\",\n\"s1\":\"i\"}":           `f:2: "s1" comes again; it is on line 1 already`,
		"{\"s1\":\"h\",\n\"s3\":\"i\"}":           `f:2: "s3" is not one of s1, s2, witness`,
		"{\"s1\":\"h\",\n\"s2\":7}":               `f:2: "s2" is 7, want an address in quotes, such as "10.0.0.1:50051"`,
		"{\"s1\":\"h\",\n\"s2\":{}}":              `f:2: "s2" is {, want an address in quotes, such as "10.0.0.1:50051"`,
		"{\"s1\":\"h\"}\n":                        `f:1: "s2" is missing; a file looks like ` + config.HostsExample,
		`{"s1":"h","s2":"h:50051"}`:               `f:1: "s2" has the address of "s1", h:50051; give each its own`,
		`{"s1":"h:0","s2":"i"}`:                   `f:1: "s1": port "0" of "h:0" is not a number from 1 to 65535`,
		`{"s1":"h:","s2":"i"}`:                    `f:1: "s1": port "" of "h:" is not a number from 1 to 65535`,
		`{"s1":"h:65536","s2":"i"}`:               `f:1: "s1": port "65536" of "h:65536" is not a number from 1 to 65535`,
		`{"s1":"http://h","s2":"i"}`:              `f:1: "s1": port "//h" of "http://h" is not a number from 1 to 65535`,
		`{"s1":"this server IP address","s2":""}`: `f:1: "s1": "this server IP address" is not HOST or HOST:PORT`,
		`{"s1":":50051","s2":"i"}`:                `f:1: "s1": ":50051" is not HOST or HOST:PORT`,
		`{"s1":"a:b:c","s2":"i"}`:                 `f:1: "s1": "a:b:c" is not HOST or HOST:PORT`,
	} {
		_, err := config.ParseHosts("f", text)
		if err == nil || err.Error() != want || !systems.IsUsage(err) {
			t.Errorf("%s:\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestMissingFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "serverhost.config")
	_, hosts := config.ReadHosts(name)
	_, accounts := config.ReadAccounts(name)
	for _, err := range []error{hosts, accounts} {
		if err == nil || !systems.IsUsage(err) || !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), name+": there is no such file; write one, for example ") {
			t.Error(err)
		}
	}
	if err := os.WriteFile(name, []byte(config.HostsExample), 0o666); err != nil {
		t.Fatal(err)
	}
	if h, err := config.ReadHosts(name); err != nil || h.S2 != "10.0.0.2:50051" {
		t.Error(h, err)
	}
}

// With names, or with the hand-out's own two files, both servers agree who is
// who and who begins.
func TestPlace(t *testing.T) {
	one := config.Hosts{S1: "a:1", S2: "b:1"}
	other := config.Hosts{S1: "b:1", S2: "a:1"}
	for _, c := range []struct {
		hosts config.Hosts
		name  string
		want  config.Place
	}{
		{one, "s1", config.Place{Name: "s1", Self: "a:1", Peer: "b:1", First: true}},
		{one, "s2", config.Place{Name: "s2", Self: "b:1", Peer: "a:1"}},
		{one, "", config.Place{Name: "s1", Self: "a:1", Peer: "b:1", First: true}},
		{other, "", config.Place{Name: "s2", Self: "b:1", Peer: "a:1"}},
	} {
		if got, err := c.hosts.Place(c.name); err != nil || got != c.want {
			t.Errorf("%+v as %q: %+v, %v; want %+v", c.hosts, c.name, got, err, c.want)
		}
	}
	if _, err := one.Place("S1"); err == nil || !systems.IsUsage(err) {
		t.Error("there is a place for anybody:", err)
	}
}
