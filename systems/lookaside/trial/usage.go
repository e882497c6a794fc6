package trial

import (
	"context"
	"time"

	"dyno/bench/sample"
	"dyno/systems"
)

// usage is what the processes of a run cost.
type usage struct {
	sampler *sample.Sampler
	samples *sample.Samples // once stopped
	began   time.Time
	ended   time.Time
}

// watch starts sampling the clients, the balancer and every server.
func (d *Deployment) watch(ctx context.Context, client systems.Process) (*usage, error) {
	targets := []sample.Target{{Name: client.Name(), PID: client.PID()}, {Name: d.balancer().Name(), PID: d.balancer().PID()}}
	for _, s := range d.servers {
		targets = append(targets, sample.Target{Name: s.Name(), PID: s.PID()})
	}
	u := &usage{began: time.Now()}
	var err error
	u.sampler, err = sample.Start(ctx, targets, 0)
	return u, err
}

func (u *usage) stop() {
	u.samples, u.ended = u.sampler.Stop(), time.Now()
}

// total is the processor time that a process took during the whole run.
func (u *usage) total(name string) time.Duration {
	return time.Duration(u.samples.Window(name, u.began, u.ended).CPUSeconds * float64(time.Second))
}

// cores is the mean number of cores that a process used in a window. ok says
// that there are samples of all of it.
func (u *usage) cores(name string, begin, end time.Time) (cores float64, ok bool) {
	w := u.samples.Window(name, begin, end)
	return w.Cores, w.Covered >= fullCoverage && !w.Ended
}

// fullCoverage leaves room for the instant between the first request and the
// first sample.
const fullCoverage = 0.99
