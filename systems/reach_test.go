package systems_test

import (
	"flag"
	"strings"
	"testing"

	"dyno/systems"
)

func TestReach(t *testing.T) {
	for _, c := range []struct{ args, at, refused string }{
		{"", "127.0.0.1:7055", ""},
		{"--listen 10.1.2.3:0", "127.0.0.1:7055", ""},
		{"--listen [::1]:0", "127.0.0.1:7055", ""},
		{"--listen 0.0.0.0:7055", "", "--advertise HOST"},
		{"--listen [::]:7055", "", "--advertise HOST"},
		{"--listen [::ffff:0.0.0.0]:7055", "", "--advertise HOST"},
		{"--listen :7055", "", "--advertise HOST"},
		{"--listen :7055 --advertise node-3", "node-3:7055", ""},
		{"--listen [::]:0 --advertise 10.1.2.3", "10.1.2.3:7055", ""},
		{"--listen [::]:0 --advertise fe80::1", "[fe80::1]:7055", ""},
		{"--listen 0.0.0.0:0 --advertise gateway:443", "gateway:443", ""},
		{"--listen 0.0.0.0:0 --advertise 0.0.0.0", "", "--advertise 0.0.0.0"},
		{"--advertise :443", "", "--advertise :443"},
	} {
		fs := flag.NewFlagSet("role", flag.ContinueOnError)
		r := systems.BindReach(fs, "127.0.0.1:0", "where")
		if err := fs.Parse(strings.Fields(c.args)); err != nil {
			t.Fatal(err)
		}
		err := r.Check()
		switch {
		case c.refused != "" && (!systems.IsUsage(err) || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%q: %v, want a usage error that says %q", c.args, err, c.refused)
		case c.refused == "" && err != nil:
			t.Errorf("%q: %v", c.args, err)
		case c.refused == "" && r.At("127.0.0.1:7055") != c.at:
			t.Errorf("%q: others are told %q, want %q", c.args, r.At("127.0.0.1:7055"), c.at)
		}
	}
}
