package standby_test

import (
	"path/filepath"
	"testing"
	"time"

	"dyno/bench/process"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/standby"
	"dyno/systems/standby/generator"
)

// What clients noted is held against both journals: whatever of it is changed
// afterwards is noticed.
func TestJudgeNotices(t *testing.T) {
	dir := t.TempDir()
	set := systems.Setting{Seed: 1, Load: record.Load{Loop: "closed"}, Warmup: 50 * time.Millisecond, Length: 200 * time.Millisecond}
	v, err := standby.System.Knobs.Resolve(map[string]string{"clients": "4", "lookups": "0.3"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, group, err := process.NewGroup(t.Context(), process.Options{System: standby.System, Setting: set, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	_, err = standby.System.Trial(ctx, group, v)
	if closed := group.Close(); err != nil || closed != nil {
		t.Fatal(err, closed)
	}
	path := filepath.Join(dir, "requests", "requests.bin")
	all, err := generator.ReadHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(d generator.Done) bool { return d.Operation == generator.Deposit && d.Action > 1 }
	for name, c := range map[string]struct {
		fits   func(generator.Done) bool
		change func(*generator.Done)
		want   record.Status
	}{
		"nothing":              {write, func(*generator.Done) {}, record.Valid},
		"a balance":            {write, func(d *generator.Done) { d.Balance++ }, record.Invalid},
		"an action id":         {write, func(d *generator.Done) { d.Action-- }, record.Invalid},
		"an id beyond the log": {write, func(d *generator.Done) { d.Action += 1 << 30 }, record.Invalid},
		"a server":             {write, func(d *generator.Done) { d.Server = 1 - d.Server }, record.Invalid},
		"a request's number":   {write, func(d *generator.Done) { d.Number += 1 << 30 }, record.Invalid},
		"an answer there was":  {write, func(d *generator.Done) { d.Ending = generator.Unknown }, record.Valid},
		"an answer's epoch":    {write, func(d *generator.Done) { d.Epoch-- }, record.Invalid},
		"what a lookup has seen": {
			func(d generator.Done) bool { return d.Operation == generator.Lookup && d.Action > 0 },
			func(d *generator.Done) { d.Balance-- }, record.Invalid,
		},
	} {
		t.Run(name, func(t *testing.T) {
			changed := append([]generator.Done(nil), all...)
			for i := range changed {
				if c.fits(changed[i]) {
					c.change(&changed[i])
					break
				}
			}
			if err := generator.WriteHistory(path, [][]generator.Done{changed}); err != nil {
				t.Fatal(err)
			}
			verdict, err := standby.System.Judge(dir)
			if err != nil || verdict.Status != c.want {
				t.Errorf("%s, %v, error %v; want %s", verdict.Status, verdict.Reasons(), err, c.want)
			}
		})
	}
}
