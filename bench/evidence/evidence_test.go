package evidence_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/bench/evidence"
	"dyno/internal/record"
)

const method = "/a.B/C"

// metrics are one figure per law.
var metrics = []record.Metric{
	{Name: "response", Kind: record.KindHistogram, Road: evidence.All(evidence.Spans(), evidence.Little())},
	{Name: "rate", Kind: record.KindScalar, Road: evidence.All(evidence.Answered("response"), evidence.Counts(ops(false)))},
	{Name: "offered", Kind: record.KindScalar, Road: evidence.Offered("response")},
	{Name: "sent", Kind: record.KindScalar, Road: evidence.Sent("response")},
	{Name: "in_flight", Kind: record.KindScalar, Road: evidence.InFlight("response")},
	{Name: "available", Kind: record.KindScalar, Road: evidence.Available("response")},
	{Name: "errors", Kind: record.KindScalar, Road: evidence.Failures(ops(false))},
	{Name: "cores", Kind: record.KindScalar, Road: evidence.CPU(evidence.Cores, "server")},
	{Name: "us", Kind: record.KindScalar, Road: evidence.CPU(evidence.MicrosPerMeasured("response"))},
	{Name: "each_cpu", Kind: record.KindVector, Road: evidence.CPUEach(evidence.Cores)},
	{Name: "each", Kind: record.KindVector, Road: evidence.Each("done", "the servers")},
	{Name: "most", Kind: record.KindVector, Road: evidence.EachAtMost("done", "the servers")},
	{Name: "sum", Kind: record.KindVector, Road: evidence.SumAnswered("response")},
	{Name: "fact", Kind: record.KindScalar, Road: evidence.Fact("pages", "the printer")},
	{Name: "near", Kind: record.KindScalar, Road: evidence.Near("wall", "a wall clock", 0.01, 0)},
	{Name: "bound", Kind: record.KindScalar, Road: evidence.AtMost("wall", "a wall clock")},
	{Name: "ratio", Kind: record.KindScalar, Road: evidence.Ratio("fact", "near")},
	{Name: "bytes", Kind: record.KindScalar, Road: evidence.Bytes("client")},
	{Name: "theory", Kind: record.KindScalar, Road: evidence.Calculated()},
	{Name: "calls", Kind: record.KindSeries, Road: evidence.Timeline("response")},
	{Name: "times", Kind: record.KindSeries, Road: evidence.Worst("response")},
	{Name: "bare", Kind: record.KindScalar},
	{Name: "silent", Kind: record.KindScalar, Road: evidence.Fact("nothing", "nobody")}, // never reported
}

func ops(retried bool) evidence.Operations {
	return evidence.Operations{Method: method, Clients: []string{"client"}, Servers: []string{"server"}, Retried: retried, Asked: 1}
}

// honest is a trial of 20 operations of 1 to 20 ms in a window of 1 s, one of
// which failed before it, and the evidence to it.
func honest() *record.Observation {
	o := &record.Observation{
		Counts:  record.Counts{Offered: 21, Sent: 21, OK: 20, Unknown: 1},
		Verdict: record.Judge(record.Pass("x", 1)),
	}
	h := record.NewHistogram()
	d := record.SpanDigest{Min: 1e6, Max: 20e6, Window: 1e9, Area: 205e6, Fringe: 5e6, Sent: 20, Offered: 20, Answered: 20}
	d.Quantiles = map[string]int64{"p10": 2e6, "p50": 10e6, "p90": 18e6, "p99": 20e6}
	for i := range 20 {
		ns := int64(i+1) * 1e6
		h.Record(time.Duration(ns))
		d.Count, d.Sum = d.Count+1, d.Sum+float64(ns)
	}
	o.SetHistogram("response", h)
	for name, x := range map[string]float64{
		"rate": 20, "offered": 20, "sent": 20, "in_flight": 0.205, "available": 1, "errors": 1, "cores": 0.5, "us": 0.8e6 / 20,
		"fact": 7, "near": 2.01, "bound": 1.9, "ratio": 7 / 2.01, "bytes": 900, "theory": 3, "bare": 4,
	} {
		o.Set(name, x)
	}
	o.SetVector("each_cpu", []string{"s1"}, []float64{0.5})
	o.SetVector("each", []string{"s1", "killed"}, []float64{9, 5})
	o.SetVector("most", []string{"s1"}, []float64{8})
	o.SetVector("sum", []string{"s1", "killed"}, []float64{15, 5})
	o.SetSeries("calls", record.Series{Step: 0.4, Lines: []record.Line{{Values: []float64{10, 20, 40}}, {Values: []float64{10, 20, 40}}}})
	o.SetSeries("times", record.Series{Step: 0.4, Lines: []record.Line{{Values: []float64{1, 2, 2}}, {Values: []float64{9, 20, 8}}}})
	o.Evidence = &record.Evidence{
		Begin: 1e9, End: 2e9, Tick: 0.004, Machine: 1.1,
		Spans: map[string]record.SpanDigest{"response": d},
		Facts: map[string]float64{"done/s1": 9, "pages": 7, "wall": 2},
		Processes: []record.ProcessEvidence{
			{
				Name: "s1", Role: "server", WindowCPU: 0.5, Least: 0.49, Most: 0.51, TotalCPU: 0.9, LastCPU: 0.89, LastAge: 0.01, GroupCPU: 0.8, Covered: true,
				Calls: &record.CallEvidence{Served: map[string]record.Calls{method: {OK: 21}}},
			},
			{
				Name: "client", Role: "client", WindowCPU: 0.3, Least: 0.29, Most: 0.31, TotalCPU: 0.7, LastCPU: 0.69, LastAge: 0.01, Covered: true,
				Calls: &record.CallEvidence{Made: map[string]record.Calls{method: {OK: 20, Failed: 1}}, SentB: 1000},
			},
		},
	}
	return o
}

// invalid lists the checks of a trial that are, and whether any is unknown.
func invalid(o *record.Observation) (names []string, unknown bool) {
	for _, c := range evidence.Judge(metrics, o) {
		switch c.Status {
		case record.Invalid:
			names = append(names, strings.TrimPrefix(c.Name, "road-"))
		case record.Undetermined:
			unknown = true
		}
	}
	return names, unknown
}

func TestHonest(t *testing.T) {
	checks := evidence.Judge(metrics, honest())
	if v := record.Judge(checks...); v.Status != record.Valid {
		t.Fatalf("%v", v.Reasons())
	}
	roads := checks[len(checks)-1]
	if roads.Name != evidence.Roads || !strings.HasPrefix(roads.Detail, "20 figures") {
		t.Errorf("%+v", roads)
	}
}

func TestErrorShare(t *testing.T) {
	m := []record.Metric{{Name: record.ErrorShare, Kind: record.KindScalar, Road: evidence.ErrorShare()}}
	for share, want := range map[float64]record.Status{1.0 / 21: record.Valid, 0: record.Invalid, 2.0 / 21: record.Invalid} {
		o := honest()
		o.Set(record.ErrorShare, share)
		if v := record.Judge(evidence.Judge(m, o)[0]); v.Status != want {
			t.Errorf("%v: %v, want %v", share, v, want)
		}
	}
}

// set wrongs a scalar.
func set(name string, x float64) func(*record.Observation) {
	return func(o *record.Observation) { o.Scalars[name] = x }
}

// digest wrongs what the spans say.
func digest(f func(*record.SpanDigest)) func(*record.Observation) {
	return func(o *record.Observation) {
		d := o.Evidence.Spans["response"]
		f(&d)
		o.Evidence.Spans["response"] = d
	}
}

// process wrongs what was seen of one of them.
func process(i int, f func(*record.ProcessEvidence)) func(*record.Observation) {
	return func(o *record.Observation) { f(&o.Evidence.Processes[i]) }
}

// histogram replaces the figure by one of other durations.
func histogram(of func(i int) float64, n int) func(*record.Observation) {
	return func(o *record.Observation) {
		h := record.NewHistogram()
		for i := range n {
			h.Record(time.Duration(of(i+1) * 1e6))
		}
		o.SetHistogram("response", h)
	}
}

// Every law finds what it is for, and that is all that is found.
func TestMutants(t *testing.T) {
	ms := func(i int) float64 { return float64(i) }
	for name, m := range map[string]struct {
		wrong func(*record.Observation)
		want  string // names of the checks that fail, joined
	}{
		"latency halved":               {histogram(func(i int) float64 { return ms(i) / 2 }, 20), "response"},
		"tail cut":                     {histogram(func(i int) float64 { return min(ms(i), 18) }, 20), "response"},
		"slowest left out":             {histogram(ms, 18), "response"},
		"one more":                     {histogram(ms, 21), "response"},
		"same sum, another shape":      {histogram(func(int) float64 { return 10.5 }, 20), "response"},
		"same sum and ends":            {histogram(func(i int) float64 { return [...]float64{1, 20, 10.5}[min((i-1)/1, 2)] }, 20), "response"},
		"a percentile":                 {digest(func(d *record.SpanDigest) { d.Quantiles["p50"] = 13e6 }), "response"},
		"the area":                     {digest(func(d *record.SpanDigest) { d.Area -= 1e6 }), "response,in_flight"},
		"rate times 1.2":               {set("rate", 24), "rate"},
		"rate off by one":              {set("rate", 21), "rate"},
		"offered":                      {set("offered", 19), "offered"},
		"sent":                         {set("sent", 21), "sent"},
		"in flight":                    {set("in_flight", 0.3), "in_flight"},
		"availability":                 {set("available", 0.95), "available"},
		"errors hidden":                {set("errors", 0), "errors"},
		"errors counted as OK":         {func(o *record.Observation) { o.Counts.OK, o.Counts.Unknown = 21, 0 }, "rate"},
		"operations invented":          {func(o *record.Observation) { o.Counts.OK, o.Counts.Sent = 22, 23 }, "rate"},
		"operations forgotten":         {func(o *record.Observation) { o.Counts.OK, o.Counts.Sent = 18, 19 }, "rate"},
		"not all answered by servers":  {process(0, func(p *record.ProcessEvidence) { p.Calls.Served[method] = record.Calls{OK: 20} }), "rate"},
		"servers answered many more":   {process(0, func(p *record.ProcessEvidence) { p.Calls.Served[method] = record.Calls{OK: 30} }), "rate"},
		"CPU halved":                   {set("cores", 0.25), "cores"},
		"CPU doubled":                  {set("cores", 1), "cores"},
		"a child not sampled":          {set("us", 0.5e6/20), "us"},
		"CPU of a member":              {func(o *record.Observation) { o.Vectors["each_cpu"].Values[0] = 0.25 }, "each_cpu"},
		"a member's count":             {func(o *record.Observation) { o.Vectors["each"].Values[0] = 10 }, "each"},
		"a member above its bound":     {func(o *record.Observation) { o.Vectors["most"].Values[0] = 10 }, "most"},
		"members in sum":               {func(o *record.Observation) { o.Vectors["sum"].Values[0] = 14 }, "sum"},
		"a fact":                       {set("fact", 6), "fact,ratio"},
		"too far from a fact":          {set("near", 2.03), "near,ratio"},
		"above a bound":                {set("bound", 2.1), "bound"},
		"a ratio":                      {set("ratio", 3), "ratio"},
		"more bytes than were written": {set("bytes", 1001), "bytes"},
		"a call of a timeline":         {func(o *record.Observation) { o.Series["calls"].Lines[0].Values[1] = 22.5 }, "calls"},
		"an answer of a timeline":      {func(o *record.Observation) { o.Series["calls"].Lines[1].Values[2] = 35 }, "calls"},
		"the worst of a timeline":      {func(o *record.Observation) { o.Series["times"].Lines[1].Values[1] = 12 }, "times"},
		"more CPU than cores": {func(o *record.Observation) {
			o.Evidence.Processes[0].Least, o.Evidence.Processes[0].TotalCPU, o.Evidence.Processes[0].LastCPU, o.Evidence.Processes[0].GroupCPU = 1000, 2000, 2000, 2000
			delete(o.Scalars, "cores")
			delete(o.Scalars, "us")
			delete(o.Vectors, "each_cpu")
		}, "cpu-whole"},
		"a clock beyond the charge":         {process(1, func(p *record.ProcessEvidence) { p.LastCPU = 0.8 }), "cpu-exit"},
		"a window beyond the charge":        {process(1, func(p *record.ProcessEvidence) { p.TotalCPU, p.LastCPU = 0.1, 0.1 }), "cpu-exit"},
		"a clock far below the charge":      {process(1, func(p *record.ProcessEvidence) { p.LastCPU = 0.35 }), "cpu-exit"},
		"a control group beyond the charge": {process(0, func(p *record.ProcessEvidence) { p.GroupCPU = 1 }), "cpu-exit"},
		"a control group below the window":  {process(0, func(p *record.ProcessEvidence) { p.GroupCPU = 0.3 }), "cpu-exit"},
	} {
		t.Run(name, func(t *testing.T) {
			o := honest()
			m.wrong(o)
			if got, unknown := invalid(o); strings.Join(got, ",") != m.want || unknown {
				t.Errorf("invalid are %v (some unknown: %v), want %s", got, unknown, m.want)
			}
		})
	}
}

// What is missing makes a figure unknown, or is no concern of its law; never
// invalid.
func TestMissing(t *testing.T) {
	for name, m := range map[string]struct {
		spoil   func(*record.Observation)
		unknown bool
	}{
		"all evidence":        {func(o *record.Observation) { o.Evidence = nil }, true},
		"the spans":           {func(o *record.Observation) { o.Evidence.Spans = nil }, true},
		"the facts":           {func(o *record.Observation) { o.Evidence.Facts = nil }, true},
		"the processes":       {func(o *record.Observation) { o.Evidence.Processes = nil }, true},
		"the window":          {func(o *record.Observation) { o.Evidence.Begin, o.Evidence.End = 0, 0 }, true},
		"a clock":             {process(0, func(p *record.ProcessEvidence) { p.Covered = false }), true},
		"both sides' calls":   {func(o *record.Observation) { o.Evidence.Processes[0].Calls, o.Evidence.Processes[1].Calls = nil, nil }, true},
		"a server's calls":    {process(0, func(p *record.ProcessEvidence) { p.Calls = nil }), false},
		"a charge":            {process(0, func(p *record.ProcessEvidence) { p.TotalCPU = 0 }), false},
		"a control group":     {process(0, func(p *record.ProcessEvidence) { p.GroupCPU = 0 }), false},
		"the machine's clock": {func(o *record.Observation) { o.Evidence.Machine = 0 }, false},
		"percentiles":         {digest(func(d *record.SpanDigest) { d.Quantiles = nil }), false},
		"the schedule":        {digest(func(d *record.SpanDigest) { d.Offered = 0 }), false},
	} {
		t.Run(name, func(t *testing.T) {
			o := honest()
			m.spoil(o)
			if got, unknown := invalid(o); len(got) > 0 || unknown != m.unknown {
				t.Errorf("invalid are %v, some unknown: %v; want none and %v", got, unknown, m.unknown)
			}
		})
	}
}

// CPU time that was interpolated between readings, or lost with a process, is
// allowed for.
func TestSlackIsAllowedFor(t *testing.T) {
	o := honest()
	o.Scalars["cores"] = 0.5 - 0.01 - 0.01 // its bound, and a tick at both ends
	if got, _ := invalid(o); len(got) > 0 {
		t.Errorf("within a tick: %v", got)
	}
	o.Scalars["cores"] = 0.4
	if got, _ := invalid(o); !slices.Contains(got, "cores") {
		t.Errorf("beyond: %v", got)
	}
	o.Evidence.Missed = 0.1
	if got, _ := invalid(o); slices.Contains(got, "cores") {
		t.Errorf("as much was lost with a process: %v", got)
	}
}

// A client may try again: then calls bound operations.
func TestRetriedOperations(t *testing.T) {
	metrics := []record.Metric{{Name: "rate", Kind: record.KindScalar, Road: evidence.Counts(ops(true))}}
	for name, m := range map[string]struct {
		made, served record.Calls
		want         record.Status
	}{
		"as many":               {record.Calls{OK: 20, Failed: 1}, record.Calls{OK: 21}, record.Valid},
		"tried more often":      {record.Calls{OK: 20, Failed: 9}, record.Calls{OK: 29}, record.Valid},
		"answers were lost":     {record.Calls{OK: 20, Failed: 1}, record.Calls{OK: 24}, record.Valid},
		"fewer answers":         {record.Calls{OK: 19, Failed: 9}, record.Calls{OK: 29}, record.Invalid},
		"servers answered less": {record.Calls{OK: 20, Failed: 1}, record.Calls{OK: 20}, record.Invalid},
	} {
		o := honest()
		o.Evidence.Processes[1].Calls.Made[method] = m.made
		o.Evidence.Processes[0].Calls.Served[method] = m.served
		if v := record.Judge(evidence.Judge(metrics, o)...); v.Status != m.want {
			t.Errorf("%s: %s, %v; want %s", name, v.Status, v.Reasons(), m.want)
		}
	}
}

// A call may be tried at several servers: the clients' counts are exact.
func TestReroutedOperations(t *testing.T) {
	o := ops(false)
	o.Rerouted = true
	metrics := []record.Metric{{Name: "rate", Kind: record.KindScalar, Road: evidence.Counts(o)}}
	for name, m := range map[string]struct {
		made, served record.Calls
		want         record.Status
	}{
		"as many":               {record.Calls{OK: 20, Failed: 1}, record.Calls{OK: 21}, record.Valid},
		"servers did it twice":  {record.Calls{OK: 20, Failed: 1}, record.Calls{OK: 41}, record.Valid},
		"operations left out":   {record.Calls{OK: 22, Failed: 1}, record.Calls{OK: 23}, record.Invalid},
		"an error left out":     {record.Calls{OK: 20, Failed: 2}, record.Calls{OK: 21}, record.Invalid},
		"servers answered less": {record.Calls{OK: 20, Failed: 1}, record.Calls{OK: 20}, record.Invalid},
	} {
		o := honest()
		o.Evidence.Processes[1].Calls.Made[method] = m.made
		o.Evidence.Processes[0].Calls.Served[method] = m.served
		if v := record.Judge(evidence.Judge(metrics, o)...); v.Status != m.want {
			t.Errorf("%s: %s, %v; want %s", name, v.Status, v.Reasons(), m.want)
		}
	}
}

// A generator that is not ours tells nothing of its calls: the other side must.
func TestForeignGenerator(t *testing.T) {
	o := honest()
	o.Evidence.Processes[1].Role = "ghz"
	metrics := []record.Metric{{Name: "rate", Kind: record.KindScalar, Road: evidence.Counts(ops(false))}}
	if v := record.Judge(evidence.Judge(metrics, o)...); v.Status != record.Valid {
		t.Errorf("%v", v.Reasons())
	}
	o.Counts.OK, o.Counts.Unknown = 21, 0
	if v := record.Judge(evidence.Judge(metrics, o)...); v.Status != record.Invalid {
		t.Errorf("an error that counts as answered: %s", v.Status)
	}
}

// An operation may be one of several calls: their counts add up.
func TestSeveralMethods(t *testing.T) {
	o := ops(true)
	o.Others = []string{"/other"}
	metrics := []record.Metric{{Name: "rate", Kind: record.KindScalar, Road: evidence.Counts(o)}}
	for other, want := range map[int64]record.Status{1: record.Valid, 0: record.Invalid} {
		o := honest()
		o.Evidence.Processes[1].Calls.Made[method] = record.Calls{OK: 19, Failed: 1}
		o.Evidence.Processes[1].Calls.Made["/other"] = record.Calls{OK: other}
		if v := record.Judge(evidence.Judge(metrics, o)...); v.Status != want {
			t.Errorf("%d of another method: %s, %v; want %s", other, v.Status, v.Reasons(), want)
		}
	}
}

// The cores that a trial had are those of its machines, not the reader's.
func TestCoresOfOtherMachines(t *testing.T) {
	for cores, want := range map[int]record.Status{0: record.Invalid, 4000: record.Invalid, 5000: record.Valid} {
		e := &record.Evidence{Begin: 1e9, End: 2e9, Cores: cores, Processes: []record.ProcessEvidence{{Name: "s1", Covered: true, Least: 4500, Most: 4600}}}
		for _, c := range evidence.Processes(&record.Observation{Evidence: e}) {
			if c.Name == evidence.WholeCPU && c.Status != want {
				t.Errorf("4500 CPU seconds in a second of %d cores are %s: %s", cores, c.Status, c.Detail)
			}
		}
	}
}
