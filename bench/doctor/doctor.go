// Package doctor looks at what a machine has of what trials need, and says what
// each lack costs. It measures for a fraction of a second, and changes nothing.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"dyno/bench/process"
	"dyno/bench/rival"
	"dyno/systems"
)

// Finding is one thing that was looked at.
type Finding struct {
	Name  string `json:"name"`
	Here  bool   `json:"here"`            // it is as trials want it
	Found string `json:"found"`           // what there is, with units
	Costs string `json:"costs,omitempty"` // what is not measured, or not to be trusted, since it is not here
	Get   string `json:"get,omitempty"`   // what would mend it
}

// Examine looks at everything, in the order in which it is shown.
func Examine(ctx context.Context) []Finding {
	out := []Finding{cores(runtime.NumCPU()), busy(), sync(os.TempDir()), sleep(), quota(), namespaces(ctx)}
	for _, s := range rival.All {
		out = append(out, software(s))
	}
	out = append(out, client())
	for _, tool := range []struct{ name, costs string }{
		{"mawk", "mr-peers goes without mawk"},
		{"sort", "mr-peers goes without GNU sort"},
		{"tr", "mr-peers goes without coreutils"},
	} {
		out = append(out, program(tool.name, tool.costs))
	}
	return out
}

// leastCores is what a client and a server need to run at once.
const leastCores = 2

func cores(n int) Finding {
	f := Finding{Name: "processor cores", Here: n >= leastCores, Found: strconv.Itoa(n)}
	if !f.Here {
		f.Costs = "clients and servers take turns: response times are those of the scheduler"
		f.Get = fmt.Sprintf("a machine with %d cores", leastCores)
	}
	return f
}

// busyShare is how much of the cores others may use.
const busyShare = 0.3

func busy() Finding {
	f := Finding{Name: "idle machine", Found: "unknown"}
	text, err := os.ReadFile("/proc/loadavg")
	words := strings.Fields(string(text))
	if err != nil || len(words) == 0 {
		f.Costs = "nobody knows what else runs"
		return f
	}
	load, err := strconv.ParseFloat(words[0], 64)
	f.Found = "load average " + words[0]
	f.Here = err == nil && load <= busyShare*float64(runtime.NumCPU())
	if !f.Here {
		f.Costs = "trials on service-time models are measured again when they oversleep, and levels drift"
		f.Get = "wait until nothing else runs"
	}
	return f
}

const (
	syncs     = 15
	syncBytes = 4096
	// memorySync is what a sync takes at most where there is no disk below.
	memorySync = 15 * time.Microsecond
)

// sync measures what it takes until a write is on disk, where servers keep their data.
func sync(dir string) Finding {
	f := Finding{Name: "durable writes", Found: "unknown", Costs: "figures of servers that sync their files are not to be had"}
	median, err := syncTime(dir)
	if err != nil {
		f.Found, f.Get = err.Error(), "a folder for temporary files that can be written to (TMPDIR)"
		return f
	}
	f.Found = fmt.Sprintf("%v for a write of %d bytes and its sync in %s, median of %d", median.Round(time.Microsecond), syncBytes, dir, syncs)
	if f.Here = median > memorySync; f.Here {
		f.Costs = ""
		return f
	}
	f.Costs, f.Get = "a sync costs nothing here, so durability looks free", "set TMPDIR to a folder on a disk"
	return f
}

func syncTime(dir string) (time.Duration, error) {
	file, err := os.CreateTemp(dir, "dyno-doctor-*")
	if err != nil {
		return 0, err
	}
	times := make([]time.Duration, syncs)
	block := make([]byte, syncBytes)
	for i := range times {
		begin := time.Now()
		_, writeErr := file.Write(block)
		err = errors.Join(err, writeErr, file.Sync())
		times[i] = time.Since(begin)
	}
	return median(times), errors.Join(err, file.Close(), os.Remove(file.Name()))
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

const (
	sleeps    = 30
	sleepTime = 200 * time.Microsecond
	// muchLate is more than Go's runtime adds to a sleep on a machine that keeps time.
	muchLate = 2 * time.Millisecond
)

func sleep() Finding {
	times := make([]time.Duration, sleeps)
	for i := range times {
		begin := time.Now()
		time.Sleep(sleepTime)
		times[i] = time.Since(begin) - sleepTime
	}
	late := median(times)
	f := Finding{
		Name: "timers", Here: late <= muchLate,
		Found: fmt.Sprintf("a sleep of %v ends %v late, median of %d", sleepTime, late.Round(time.Microsecond), sleeps),
	}
	if !f.Here {
		f.Costs = "service-time models and open loops run late; their trials say so, and prove nothing"
		f.Get = "a machine that is not overcommitted"
	}
	return f
}

func quota() Finding {
	where, err := process.QuotaHome()
	f := Finding{Name: "control groups", Here: err == nil, Found: "processor time can be limited below " + where}
	if err != nil {
		f.Found, f.Costs = err.Error(), "lb-cpu runs without quotas and says so; a server's CPU time has one clock less"
		f.Get = "run as root, or let this user make control groups with the controller cpu"
	}
	return f
}

func software(s rival.Software) Finding {
	f := Finding{Name: s.Name}
	_, err := s.Find()
	if f.Here = err == nil; f.Here {
		f.Found = s.Version()
		return f
	}
	f.Found, f.Costs, f.Get = "not installed", s.Missing, lacks(err)
	return f
}

func client() Finding {
	path, err := rival.FindClient()
	f := Finding{Name: rival.Client, Here: err == nil, Found: path}
	if err != nil {
		f.Found, f.Costs, f.Get = "not built", "nothing can be asked of PostgreSQL", lacks(err)
	}
	return f
}

// lacks is what an error of missing software says would mend it.
func lacks(err error) string {
	var absent *systems.AbsentError
	if errors.As(err, &absent) {
		return absent.Get
	}
	return err.Error()
}

func program(name, costs string) Finding {
	path, err := exec.LookPath(name)
	f := Finding{Name: name, Here: err == nil, Found: path}
	if err != nil {
		f.Found, f.Costs, f.Get = "not installed", costs, "apt-get install "+name
	}
	return f
}
