package cli

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"dyno/experiments"
	"dyno/internal/live"
	"dyno/internal/record"
)

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
