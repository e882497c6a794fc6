package strife_test

import (
	"context"
	"testing"
	"time"

	"dyno/internal/record"
	"dyno/internal/role"
	"dyno/systems"
	"dyno/systems/strife"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
	"dyno/systems/systemtest"
)

func TestMain(m *testing.M) { systemtest.Main(m, role.Main(strife.System)) }

// roleArgs makes a folder for a role that is started alone.
func roleArgs(_ context.Context, role string, b systems.Bench) ([]string, error) {
	dir, err := b.Dir("site")
	if err != nil {
		return nil, err
	}
	_, err = site.Dir(dir).Init(site.Plan{Banks: 1, Users: 2, Hashing: security.Params{Memory: 64, Time: 1, Lanes: 1}})
	if role == "bank" {
		return []string{"--dir", dir, "--name", "alpha"}, err
	}
	return []string{"--dir", dir}, err
}

func TestConforms(t *testing.T) {
	systemtest.Conform(t, strife.System, systemtest.Options{
		RoleArgs: roleArgs,
		Values:   map[string]string{"overdraw": "0.05", "retry": "on", "faults": "kill beta@300ms..400ms"},
		Setting:  systems.Setting{Length: 700 * time.Millisecond, Load: record.Load{Loop: "closed"}},
	})
}
