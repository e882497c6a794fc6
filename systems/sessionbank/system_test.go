package sessionbank_test

import (
	"context"
	"testing"
	"text/template"
	"time"

	"dyno/internal/role"
	"dyno/systems"
	"dyno/systems/sessionbank"
	"dyno/systems/systemtest"
)

func TestMain(m *testing.M) { systemtest.Main(m, role.Main(sessionbank.System)) }

func TestConforms(t *testing.T) {
	systemtest.Conform(t, sessionbank.System, systemtest.Options{
		RoleArgs: func(context.Context, string, systems.Bench) ([]string, error) { return []string{"--id", "1"}, nil },
		Setting:  systems.Setting{Warmup: 50 * time.Millisecond, Length: 300 * time.Millisecond},
		Values:   map[string]string{"clients": "2", "delay": "5ms"},
		Funcs:    template.FuncMap{"experiment": func(string) any { return nil }},
	})
}
