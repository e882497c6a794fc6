package branchbank_test

import (
	"context"
	"testing"
	"text/template"
	"time"

	"dyno/systems"
	"dyno/systems/branchbank"
	"dyno/systems/systemtest"
)

func TestConforms(t *testing.T) {
	systemtest.Conform(t, branchbank.System, systemtest.Options{
		Setting: systems.Setting{Length: 700 * time.Millisecond},
		Values:  map[string]string{"branches": "3", "propagate": "stream", "funds": "escrow", "clients": "4"},
		Funcs:   template.FuncMap{"experiment": func(string) any { return nil }},
		RoleArgs: func(context.Context, string, systems.Bench) ([]string, error) {
			return []string{"--id", "1"}, nil
		},
	})
}
