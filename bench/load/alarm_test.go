package load_test

import (
	"testing"
	"time"

	"dyno/bench/load"
)

func alarms(t *testing.T) map[string]load.Alarm {
	exact, err := load.NewAlarm()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]load.Alarm{"exact": exact, "coarse": load.NewCoarseAlarm()}
}

func TestAlarmNeverRingsEarly(t *testing.T) {
	for name, a := range alarms(t) {
		defer a.Close()
		for _, d := range []time.Duration{-time.Second, 0, 1, 20 * time.Microsecond, 3 * ms} {
			begin := time.Now()
			if err := a.Wait(d); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(begin); took < d {
				t.Errorf("%s: waited %v instead of %v", name, took, d)
			}
		}
	}
}

func TestClosedAlarm(t *testing.T) {
	for name, a := range alarms(t) {
		over := make(chan error, 1)
		go func() { over <- a.Wait(time.Hour) }()
		a.Close()
		a.Close()
		if err := <-over; err == nil {
			t.Errorf("%s: an hour was over soon", name)
		}
		if err := a.Wait(time.Hour); err == nil {
			t.Errorf("%s: another hour was over soon", name)
		}
	}
}

// BenchmarkAlarm shows how late each is beside what it costs.
func BenchmarkAlarm(b *testing.B) {
	exact, err := load.NewAlarm()
	if err != nil {
		b.Fatal(err)
	}
	for name, a := range map[string]load.Alarm{"exact": exact, "coarse": load.NewCoarseAlarm()} {
		b.Run(name, func(b *testing.B) {
			const d = 2 * ms
			var late time.Duration
			for b.Loop() {
				begin := time.Now()
				if err := a.Wait(d); err != nil {
					b.Fatal(err)
				}
				late += time.Since(begin) - d
			}
			b.ReportMetric(float64(late.Microseconds())/float64(b.N), "µs-late/op")
		})
		a.Close()
	}
}
