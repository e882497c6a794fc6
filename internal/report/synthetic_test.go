package report_test

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dyno/internal/record"
	"dyno/internal/report"
)

// The policies of the synthetic experiment and the rate of each, in requests
// a second: exact at 100 clients in every block but for the block's drift.
var (
	policies = []string{"pick_first", "round_robin", "least_load"}
	rates    = map[string]float64{"pick_first": 50, "round_robin": 560, "least_load": 588, "power_of_two": 580}
)

// drift is what the machine does to absolute rates in each block.
var drift = []float64{1, 0.7, 1.1, 0.9, 1.05, 0.8}

// lbRun is a run of 6 blocks: 6 core cells, 2 detail cells in 2 blocks.
func lbRun() record.Run {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	end := begin.Add(7 * time.Minute)
	run := record.Run{
		Experiment: record.Experiment{
			Name: "lb-policies", Title: "Policies on equal servers", Question: "Which policy serves most, and at what response time?", System: "lookaside", Flagship: true,
			Load:  record.Load{Loop: "closed"},
			Knobs: map[string]string{"service-time": "20ms"},
			Core:  []record.Sweep{{{Knob: "policy", Levels: policies}, {Knob: "clients", Levels: []string{"10", "100"}}}},
			Detail: []record.Sweep{
				{{Knob: "policy", Levels: []string{"power_of_two"}}, {Knob: "clients", Levels: []string{"50"}}},
				{{Knob: "policy", Levels: []string{"least_load"}}, {Knob: "report-interval", Levels: []string{"1s"}}},
			},
			Scales: map[string]record.Scale{"deep": {Blocks: 6, DetailBlocks: 2, Warmup: 1, Length: 5}},
			Figures: []record.Figure{
				{Name: "throughput", Title: "Throughput by policy", Kind: "bars", X: "clients", Y: "throughput_rps", Series: "policy", Theory: "theory_rps"},
				{Name: "p99", Title: "Response time over clients", Kind: "lines", X: "clients", Y: "response.p99", Series: "policy", LogY: true},
				{Name: "servers", Title: "Requests per server", Kind: "members", Y: "requests", Series: "policy", Facet: "clients"},
				{Name: "fairness", Title: "Fairness at 100 clients", Kind: "bars", X: "policy", Y: "jain", Where: record.Where{"clients": {"100"}}, YFormat: "percent"},
			},
			Tables: []record.Table{
				{Name: "overview", Title: "All cells", Rows: []string{"policy", "clients"}, Columns: []string{"throughput_rps", "response.mean", "response.p99", "jain"}},
			},
		},
		Metrics: []record.Metric{
			{Name: "throughput_rps", Kind: record.KindScalar, Unit: "req/s", Better: record.Higher, Help: "verified answers per second of the window"},
			{Name: "theory_rps", Kind: record.KindScalar, Unit: "req/s", Help: "what queueing theory expects"},
			{Name: "jain", Kind: record.KindScalar, Unit: "1", Better: record.Higher, Help: "Jain index of requests over servers"},
			{Name: "response", Kind: record.KindHistogram, Unit: "ns", Better: record.Lower, Help: "intended start to verified answer"},
			{Name: "requests", Kind: record.KindVector, Unit: "req", Help: "requests served in the window"},
		},
		KnobUnits: []record.KnobUnit{{Name: "policy", Help: "who decides"}, {Name: "clients", Help: "how many ask"}, {Name: "service-time", Help: "of a request"}, {Name: "report-interval", Help: "between load reports"}},
		Scale:     "deep", Seed: 7, Planned: 40, Command: []string{"dyno", "run", "--scale", "deep"}, Binary: "abc", Started: begin, Finished: &end,
		Environment: record.Environment{CPU: "Model | X", Cores: 2, MemoryBytes: 8 << 30, OS: "linux", Kernel: "6.1", Go: "go1.26", Commit: "0123456789abcdef", Dependencies: map[string]string{"google.golang.org/grpc": "v1.85.0"}},
	}
	for b := range drift {
		run.Blocks = append(run.Blocks, record.Noise{Block: b + 1, LoadBefore: 0.3, LoadAfter: 1.2, StealBefore: float64(b), StealAfter: float64(b) + 0.25})
	}
	report.LayOut(&run, 6, 2, record.Values{"report-interval": "100ms", "clients": "100"})
	return run
}

// cellsOf lists the synthetic cells in the planner's order.
func cellsOf() []record.Values {
	var out []record.Values
	add := func(policy, clients, interval string) {
		out = append(out, record.Values{"policy": policy, "clients": clients, "report-interval": interval, "service-time": "20ms"})
	}
	for _, p := range policies {
		for _, c := range []string{"10", "100"} {
			add(p, c, "100ms")
		}
	}
	add("power_of_two", "50", "100ms")
	add("least_load", "100", "1s")
	return out
}

// lbTrials is what that run left behind: everything valid but one invalid
// trial, one unknown, one error, and all of pick_first at 100 clients, which
// failed its check in every block.
func lbTrials() []record.Trial {
	var out []record.Trial
	for b := 1; b <= len(drift); b++ {
		for i, v := range cellsOf() {
			detail := i >= 6
			if detail && b > 2 {
				continue
			}
			t := record.Trial{
				ID: fmt.Sprintf("lb-policies-b%02d-c%03d", b, i+1), Experiment: "lb-policies", Block: b, Cell: i + 1, Detail: detail, Values: v,
				Seed: uint64(b), Warmup: 1, Length: 5, Started: time.Date(2026, 1, 2, 3, 5, 0, 0, time.UTC), Took: 6.5,
			}
			spoil(&t, observe(v, b))
			out = append(out, t)
		}
	}
	return out
}

func spoil(t *record.Trial, obs *record.Observation) {
	t.Observation = obs
	switch {
	case t.Cell == 2: // pick_first, 100 clients
		obs.Verdict = record.Judge(record.Pass("answers", 90), record.Fail("counts", 12, "server s1 counts 3 | more than its clients"))
	case t.Block == 2 && t.Cell == 4:
		obs.Verdict = record.Judge(record.Pass("answers", 90), record.Doubt("counts", 5, "the *checker* ran out of time"))
	case t.Block == 3 && t.Cell == 4:
		t.Observation, t.Error = nil, "server s3 did not start: listen <nil>"
	case t.Block == 1 && t.Cell == 3:
		obs.Flag("noisy", "steal of %d %% in the window", 7)
	}
}

// observe makes up a valid observation that repeats from run to run.
func observe(v record.Values, block int) *record.Observation {
	obs := &record.Observation{Verdict: record.Judge(record.Pass("answers", 100), record.Pass("counts", 12))}
	clients, err := strconv.ParseFloat(v["clients"], 64)
	if err != nil {
		panic(err)
	}
	rate := rates[v["policy"]] * drift[block-1] * math.Min(1, clients/60)
	if v["report-interval"] == "1s" {
		rate *= 0.5
	}
	rng := rand.New(rand.NewPCG(uint64(block), uint64(len(v["policy"]))))
	h := record.NewHistogram()
	for range int(rate * 2) {
		h.Record(time.Duration((20 + 10*rng.ExpFloat64()) * float64(time.Millisecond)))
	}
	var servers []string
	var requests []float64
	for i := range 12 {
		servers = append(servers, fmt.Sprintf("s%d", i+1))
		requests = append(requests, math.Round(rate*5/12*(1+0.05*rng.Float64())))
	}
	obs.Set("throughput_rps", rate)
	obs.Set("theory_rps", rates[v["policy"]])
	obs.Set("jain", 0.9+0.01*float64(block))
	obs.SetHistogram("response", h)
	obs.SetVector("requests", servers, requests)
	n := h.Count()
	obs.Counts = record.Counts{Offered: n, Sent: n, OK: n}
	return obs
}

// echoRun is a small run of another system with two blocks, cut short.
func echoRun() (record.Run, []record.Trial) {
	run := lbRun()
	run.Experiment = record.Experiment{
		Name: "echo-cost", Title: "What an echo costs", Question: "How long does an empty call take?", System: "echo", Load: record.Load{Loop: "closed"},
		Core:    []record.Sweep{{{Knob: "clients", Levels: []string{"1", "4"}}}},
		Scales:  map[string]record.Scale{"quick": {Blocks: 2, Length: 1}},
		Figures: []record.Figure{{Name: "mean", Title: "Mean response", Kind: "lines", X: "clients", Y: "response.mean"}},
		Tables:  []record.Table{{Name: "all", Title: "All", Rows: []string{"clients"}, Columns: []string{"response.p50", "response.p99"}}},
	}
	run.Scale, run.Finished, run.Blocks = "quick", nil, run.Blocks[:2]
	report.LayOut(&run, 2, 0, nil)
	var trials []record.Trial
	for i, clients := range []string{"1", "4", "1"} {
		h := record.NewHistogram()
		for k := range 50 {
			h.Record(time.Duration(100+k+10*i) * time.Microsecond)
		}
		obs := &record.Observation{Verdict: record.Judge(record.Pass("answers", 50)), Counts: record.Counts{Offered: 50, Sent: 50, OK: 50}}
		obs.SetHistogram("response", h)
		trials = append(trials, record.Trial{
			ID: fmt.Sprintf("echo-cost-b%02d-c%03d", 1+i/2, 1+i%2), Experiment: "echo-cost", Block: 1 + i/2, Cell: 1 + i%2,
			Seed: uint64(1 + i/2), Values: record.Values{"clients": clients}, Length: 1, Observation: obs,
		})
	}
	return run, trials
}

// store writes a run as the runner does. What identifies a trial and is not set
// is that of the run.
func store(t *testing.T, dir string, run record.Run, trials []record.Trial) {
	t.Helper()
	folder := filepath.Join(dir, "results", run.Experiment.Name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	run.Sealed = record.NewHead(run.Experiment.Name)
	for _, tr := range trials {
		tr.Binary, tr.System, tr.Load = cmp.Or(tr.Binary, run.Binary), run.Experiment.System, run.Experiment.Load
		line, head, err := run.Sealed.Add(&tr)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(line)
		run.Sealed = head
	}
	text, err := run.Text()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "run.json"), text)
	write(t, filepath.Join(folder, "trials.jsonl"), lines.Bytes())
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// synthetic is a folder with both runs.
func synthetic(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	store(t, dir, lbRun(), lbTrials())
	run, trials := echoRun()
	store(t, dir, run, trials)
	return dir
}

func load(t *testing.T, dir string) *report.Store {
	t.Helper()
	s, err := report.Load(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func build(t *testing.T, s *report.Store, sections ...report.Section) report.Files {
	t.Helper()
	files, err := report.Build(s, sections)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// whole is the report of synthetic: drawing takes time, and it is the same for
// every test that only reads it.
var whole struct {
	once  sync.Once
	files report.Files
}

func wholeReport(t *testing.T) report.Files {
	t.Helper()
	whole.once.Do(func() { whole.files = build(t, load(t, synthetic(t)), sections()...) })
	if whole.files == nil {
		t.Fatal("the synthetic report could not be built")
	}
	return whole.files
}

// prose is everything that is to be read: the report, and what proves it.
func prose(files report.Files) string {
	var out strings.Builder
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(path, ".md") {
			out.Write(files[path])
		}
	}
	return out.String()
}

const lbTemplate = `### Which policy?

{{with experiment "lb-policies"}}
{{.Question}}

{{.Setup}}
Least load serves {{.Value "throughput_rps" "policy=least_load" "clients=100"}}, {{.Ratio "throughput_rps" "policy=least_load,clients=100" "policy=round_robin,clients=100"}} times
what round robin serves; pick first: {{.Value "throughput_rps" "policy=pick_first" "clients=100"}}.

{{.Figure "throughput"}}

{{.Figure "p99"}}

{{.Figure "servers"}}

{{.Figure "fairness"}}

{{.Table "overview"}}

{{.Metrics}}

{{.Checks}}

{{.Reproduce}}
{{else}}
The experiment was not run.
{{end}}
`

// sections are those of the two synthetic systems; echo leaves its experiment
// to the generic text.
func sections() []report.Section {
	return []report.Section{
		{System: "lookaside", Summary: "A look-aside load balancer.", Template: lbTemplate},
		{System: "echo", Summary: "The yardstick.", Template: "Prose."},
	}
}

// TestLook writes the synthetic report to the folder named by DYNO_LOOK, for a
// person to look at.
func TestLook(t *testing.T) {
	dir := os.Getenv("DYNO_LOOK")
	if dir == "" {
		t.Skip("set DYNO_LOOK to a folder")
	}
	if err := os.CopyFS(dir, os.DirFS(synthetic(t))); err != nil {
		t.Fatal(err)
	}
	if err := report.Write(dir, build(t, load(t, dir), sections()...)); err != nil {
		t.Fatal(err)
	}
}

// edit returns a copy of the trials after a change to one of them.
func edit(trials []record.Trial, i int, change func(*record.Trial)) []record.Trial {
	out := slices.Clone(trials)
	change(&out[i])
	return out
}
