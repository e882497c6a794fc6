package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/bench/sample"
	"dyno/internal/record"
	"dyno/systems"
)

// The knobs by which the service's own side is watched.
const (
	knobPID        = "pid"
	knobCgroup     = "cgroup"
	knobMetricsURL = "metrics-url"
	knobSeries     = "series"
)

var watchKnobs = systems.Knobs{
	{
		Name: knobPID, Default: "0", Type: systems.Int{Min: 0, Max: 1 << 30},
		Help: "the service's process on this machine (of several servers, one), whose CPU time and memory are to be measured; 0: none",
	},
	{
		Name: knobCgroup, Default: "", Type: systems.Text{What: "a control group, or nothing"},
		Help: "the same of a container: its control group, as a folder, a path below /sys/fs/cgroup, or the id of the container",
	},
	{
		Name: knobMetricsURL, Default: "", Type: systems.Text{What: "http://HOST:PORT/metrics, or nothing", Check: maybe(httpURL)},
		Help: "where the service exports metrics in Prometheus' text format",
	},
	{
		Name: knobSeries, Default: "", Type: systems.Text{What: "names of series joined by commas, or nothing"},
		Help: "which of them become part of the trial, such as http_requests_total, go_goroutines or calls_total{code=\"OK\"}; " +
			"what several series of a name have is added up",
	},
}

// What is seen of the service's side.
const (
	serviceCores  = "service_cores"
	serviceMicros = "service_us_per_request"
	serviceMemory = "service_peak_bytes"
	serviceSeries = "service_cores_over_time"
	scrapedRates  = "scraped_per_second"
	scrapedLevels = "scraped_mean"
	scrapedSeries = "scraped_over_time"
)

var watchMetrics = []record.Metric{
	{
		Name: serviceCores, Kind: record.KindScalar, Unit: "cores", Better: record.Lower,
		Help: "CPU time of the service per second, where pid or cgroup says which it is",
	},
	{
		Name: serviceMicros, Kind: record.KindScalar, Unit: "µs", Better: record.Lower,
		Help: "CPU time of the service per OK request; not where pid is one of several servers", Road: perRequest,
	},
	{
		Name: serviceMemory, Kind: record.KindScalar, Unit: "B", Better: record.Lower,
		Help: "most memory of the service in the window: resident, or what the control group is charged for, page cache included",
	},
	{Name: serviceSeries, Kind: record.KindSeries, Unit: "cores", Help: "CPU time of the service step by step"},
	{
		Name: scrapedRates, Kind: record.KindVector, Unit: "1/s",
		Help: "how much the service's own counters grew in a second, where series names them",
	},
	{Name: scrapedLevels, Kind: record.KindVector, Unit: "1", Help: "the service's own gauges, mean over the window, where series names them"},
	{Name: scrapedSeries, Kind: record.KindSeries, Unit: "1", Help: "both step by step"},
}

// perRequest holds the CPU time of a request against that of a second and the
// rate: who changes one of the three is contradicted by the others.
var perRequest = record.Road{
	Law: "service_cores over the rate of OK requests",
	Hold: func(metric string, o *record.Observation) record.Check {
		got, want := o.Scalars[metric], o.Scalars[serviceCores]*1e6
		if o.Evidence == nil {
			return record.Doubt("", 0, "the trial brought no evidence")
		}
		d, window := o.Evidence.Spans[load.DigestLatency], float64(o.Evidence.End-o.Evidence.Begin)/1e9
		if want *= window / float64(d.Count); d.Count == 0 || got < want*0.999 || got > want*1.001 {
			return record.Fail("", max(d.Count, 1), "reported %.6g µs, %s: %.6g", got, "service_cores over the rate of OK requests", want)
		}
		return record.Pass("", d.Count)
	},
}

func httpURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		err = errors.New("for example http://127.0.0.1:9090/metrics")
	}
	return text, err
}

// watcher watches the service's side while a load runs.
type watcher struct {
	sampler *sample.Sampler // nil: no process is known
	part    bool            // it is one of several servers, and what a request costs is not known
	scraper *sample.Scraper // nil: no metrics are wanted
}

// Exported are series that a service exports, where what reads them is linked
// ([dyno/systems/all/whole]): a client of HTTP and more, and no role of a trial
// looks at the service's side.
var Exported = func(url, series string) (sample.Source, error) {
	return sample.Source{}, errors.New("this program has no client of HTTP: bin/dyno-whole has one, which make build makes")
}

// watch begins, so that a mistake is told before anything is sent.
func watch(ctx context.Context, v systems.Values) (*watcher, error) {
	w := &watcher{part: v.Text(knobCgroup) == "" && len(endpoint(v).Each()) > 1}
	pid, group := v.Int(knobPID), v.Text(knobCgroup)
	page, series := v.Text(knobMetricsURL), v.Text(knobSeries)
	switch {
	case pid > 0 && group != "":
		return nil, systems.Usagef("--%s and --%s: give one of them, both say what the service is", knobPID, knobCgroup)
	case (page == "") != (series == ""):
		return nil, systems.Usagef("--%s and --%s: give both, or none", knobMetricsURL, knobSeries)
	}
	var err error
	if pid > 0 || group != "" {
		if w.sampler, err = sample.Start(ctx, []sample.Target{{Name: "service", PID: pid, Group: group}}, 0); err != nil {
			return nil, systems.Usagef("knobs %s, %s: %w", knobPID, knobCgroup, err)
		}
	}
	if page != "" {
		source, err := Exported(page, series)
		if err == nil {
			w.scraper, err = sample.StartScraper(ctx, source, 0)
		}
		if err != nil {
			w.stop()
			return nil, systems.Usagef("knobs %s, %s: %w", knobMetricsURL, knobSeries, err)
		}
	}
	return w, nil
}

func (w *watcher) stop() {
	if w.sampler != nil {
		w.sampler.Stop()
	}
	if w.scraper != nil {
		w.scraper.Stop()
	}
}

// observe ends the watch, and sets what was seen in the window of a report.
func (w *watcher) observe(o *record.Observation, r *driver.Report, kind string) {
	w.stop()
	begin, end := r.Measured()
	if kind == driver.Search || !end.After(begin) {
		return
	}
	step := max(load.Step(end.Sub(begin)), 100*time.Millisecond)
	if w.sampler != nil {
		s := w.sampler.Stop()
		u := s.Window("service", begin, end)
		o.Set(serviceCores, u.CPUSeconds/end.Sub(begin).Seconds())
		if r.Window.OK > 0 && !w.part {
			o.Set(serviceMicros, u.CPUSeconds*1e6/float64(r.Window.OK))
		}
		if u.MaxRSSBytes >= 0 { // not NaN: a control group may not tell
			o.Set(serviceMemory, u.MaxRSSBytes)
		}
		o.SetSeries(serviceSeries, s.SeriesCores("service", begin, end, step))
		if u.Ended {
			o.Flag("service", "the service that was sampled ended in the window")
		}
	}
	if w.scraper != nil {
		s := w.scraper.Stop()
		rates, levels := s.Window(begin, end)
		o.SetVector(scrapedRates, rates.Labels, rates.Values)
		o.SetVector(scrapedLevels, levels.Labels, levels.Values)
		o.SetSeries(scrapedSeries, s.Series(begin, end, max(step, sample.DefaultScrape)))
		if n := s.Lost(); n > 0 {
			o.Flag("scrape", "%d looks at the service's metrics failed; what was there meanwhile is interpolated", n)
		}
	}
}

// tell prints what was seen of the service's side.
func (w *watcher) tell(out io.Writer, r *driver.Report, kind string) {
	var o record.Observation
	w.observe(&o, r, kind)
	if cores, ok := o.Scalars[serviceCores]; ok {
		fmt.Fprintf(out, "service: %.3f cores, ", cores)
		if micros, ok := o.Scalars[serviceMicros]; ok {
			fmt.Fprintf(out, "%.1f µs of CPU per OK request, ", micros)
		}
		fmt.Fprintf(out, "%.1f MiB at most\n", o.Scalars[serviceMemory]/(1<<20))
	}
	for _, v := range []struct{ metric, unit string }{{scrapedRates, "per second"}, {scrapedLevels, "on average"}} {
		for i, name := range o.Vectors[v.metric].Labels {
			fmt.Fprintf(out, "%s: %.6g %s\n", name, o.Vectors[v.metric].Values[i], v.unit)
		}
	}
	for _, f := range o.Flags {
		fmt.Fprintf(out, "%s: %s\n", f.Name, f.Detail)
	}
}
