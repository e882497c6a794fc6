package systems_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"dyno/systems"
)

func TestLogAsTheEnvironmentSays(t *testing.T) {
	for _, c := range []struct {
		format, level string
		json          bool
		lines         int
	}{{"", "", false, 1}, {"text", "debug", false, 2}, {"json", "", true, 1}, {"json", "error", true, 0}} {
		t.Setenv(systems.LogFormatVar, c.format)
		t.Setenv(systems.LogLevelVar, c.level)
		var out bytes.Buffer
		log := systems.Shell{Err: &out}.Log()
		log.Debug("small", "n", 1)
		log.Info("large", "n", 2)
		if n := strings.Count(out.String(), "\n"); n != c.lines {
			t.Errorf("%+v: %d lines: %s", c, n, &out)
		}
		if first, _, ok := strings.Cut(out.String(), "\n"); ok && json.Valid([]byte(first)) != c.json {
			t.Errorf("%+v: %s", c, first)
		}
	}
}
