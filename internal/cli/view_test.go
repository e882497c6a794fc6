package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"dyno/experiments"
	"dyno/internal/live"
	"dyno/internal/record"
	"dyno/systems"
)

// A program that reads the progress finds a line of JSON for each trial.
func TestProgressAsJSON(t *testing.T) {
	t.Setenv(systems.LogFormatVar, "json")
	var out bytes.Buffer
	p := newProgress(&out, true, "", nil)
	plan := &experiments.Plan{Experiment: &experiments.Experiment{Experiment: record.Experiment{Name: "lb-policies"}}}
	last := &record.Trial{ID: "b01-c001", Experiment: "lb-policies", Cell: 1, Error: "did not start"}
	p.update(experiments.Progress{Plan: plan, Last: last})
	p.end()
	var line struct{ Msg, ID, Experiment string }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Msg != "trial" || line.ID != "b01-c001" || line.Experiment != "lb-policies" {
		t.Errorf("%v: %s", err, &out)
	}
}

// The runner's pod runs dyno run alone, which takes these flags, too.
func TestLogFlagsInPods(t *testing.T) {
	t.Setenv(systems.LogFormatVar, "")
	t.Setenv(systems.LogLevelVar, "")
	run := (&app{}).podRun()
	err := errors.Join(run.ParseFlags([]string{"--log-format", "json", "--log-level=debug"}), run.PersistentPreRunE(run, nil))
	if format, level := os.Getenv(systems.LogFormatVar), os.Getenv(systems.LogLevelVar); err != nil || format != "json" || level != "debug" {
		t.Errorf("%v: format %q, level %q", err, format, level)
	}
}

// Who comes late sees every experiment, also one of which all was stored before, and
// however many trials have ended since.
func TestLateViewer(t *testing.T) {
	server, err := live.Listen(":0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close("gone") //nolint:errcheck // what is looked at comes before
	p := newProgress(io.Discard, false, "", nil)
	p.view = &liveView{server: server, out: "../.."}
	stored := &experiments.Plan{Experiment: &experiments.Experiment{Experiment: record.Experiment{Name: "lb-policies"}}}
	p.update(experiments.Progress{Plan: stored})
	const trials = 3000
	for i := range trials {
		p.view.finished(&record.Trial{ID: fmt.Sprint(i), Error: "did not start"}, "cell", "error")
	}
	p.view.progress(&board{Done: trials})
	answer, err := http.Get(server.URL() + "events")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	told := make(map[string]int)
	in := bufio.NewScanner(answer.Body)
	in.Buffer(nil, 1<<24)
	for in.Scan() && told["progress"] == 0 {
		if name, ok := strings.CutPrefix(in.Text(), "event: "); ok {
			told[name]++
		}
	}
	if told["data"] != 1 || told["trial"] != listed || told["progress"] != 1 {
		t.Errorf("it is told %v: %v", told, in.Err())
	}
}
