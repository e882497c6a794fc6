package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dyno/internal/cli"
)

// A run says what it does while it does it, to whoever looks on, and tells them when
// it ends.
func TestRunIsServed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "echo-small.yaml")
	if err := os.WriteFile(file, []byte(echoFile), 0o600); err != nil {
		t.Fatal(err)
	}
	// Cut short at the end, so that it lasts however late the looker-on comes.
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	said, errOut := io.Pipe()
	code := make(chan int)
	go func() {
		defer errOut.Close()
		code <- cli.Main(ctx, []string{"run", file, "--out", filepath.Join(dir, "out"), "--blocks", "900", "--yardsticks=false", "--serve", ":0"},
			strings.NewReader(""), io.Discard, errOut)
	}()
	lines := bufio.NewScanner(said)
	lines.Scan()
	url, ok := strings.CutPrefix(lines.Text(), "live at ")
	if !ok || !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Fatalf("it says %q", lines.Text())
	}
	go io.Copy(io.Discard, said) //nolint:errcheck // until it ends
	get := func(path string) io.ReadCloser {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return answer.Body
	}
	page := get("")
	defer page.Close()
	if text, err := io.ReadAll(page); err != nil || !strings.Contains(string(text), `data-of="echo-small" data-plot="throughput"`) {
		t.Errorf("the page has no place for the figure: %v", err)
	}
	stream := get("events")
	defer stream.Close()
	told := listen(t, stream, interrupt)
	if got := <-code; got != 130 {
		t.Errorf("interrupted, it exits with %d", got)
	}
	if !strings.HasPrefix(told["end"], `"Cut short`) {
		t.Errorf("its last word is %s", told["end"])
	}
}

// listen reads events until all that there are were told, then interrupts, and reads
// on to the end.
func listen(t *testing.T, stream io.Reader, interrupt func()) map[string]string {
	t.Helper()
	told := make(map[string]string)
	in := bufio.NewScanner(stream)
	in.Buffer(nil, 1<<24)
	for in.Scan() {
		name, ok := strings.CutPrefix(in.Text(), "event: ")
		if !ok {
			continue
		}
		in.Scan()
		text := strings.TrimPrefix(in.Text(), "data: ")
		if name == "sample" && !strings.Contains(text, `"live":{`) || name == "sample" && !strings.Contains(text, `"name":"`) {
			continue // between two loads
		}
		told[name] = text
		if name == "data" && strings.Contains(text, `"status":"valid"`) {
			told["drawn"] = text
		}
		if told["progress"] != "" && told["sample"] != "" && told["trial"] != "" && told["drawn"] != "" {
			interrupt()
		}
		if name == "end" {
			check(t, told)
			return told
		}
	}
	t.Fatalf("the events end without an end: %v; told %v", in.Err(), told)
	return nil
}

// check holds the events against each other.
func check(t *testing.T, told map[string]string) {
	t.Helper()
	var progress struct {
		Experiment  string
		Total, Done int
	}
	var sample struct {
		Live struct {
			OK  int64
			P50 float64 `json:"p50_ms"`
		}
		CPU []struct{ Cores float64 }
	}
	var data struct {
		Figures []struct{ Charts map[string]any }
	}
	for name, into := range map[string]any{"progress": &progress, "sample": &sample, "drawn": &data} {
		if err := json.Unmarshal([]byte(told[name]), into); err != nil {
			t.Errorf("%s: %v in %s", name, err, told[name])
		}
	}
	if progress.Experiment != "echo-small" || progress.Total < 900 || progress.Done >= progress.Total {
		t.Errorf("progress is %+v", progress)
	}
	if sample.Live.OK > 0 && sample.Live.P50 <= 0 || len(sample.CPU) == 0 {
		t.Errorf("a sample is %+v", sample)
	}
	if text := fmt.Sprint(data.Figures); !strings.Contains(text, "series") {
		t.Errorf("no figure was drawn: %s", text)
	}
}

func TestServeIsRefusedBefore(t *testing.T) {
	t.Parallel()
	code, _, errOut := dyno(t, "run", "lb-policies", "--out", t.TempDir(), "--serve", "nowhere")
	if code == 0 || !strings.Contains(errOut, `--serve: "nowhere" is no address: want :PORT or HOST:PORT`) {
		t.Errorf("exit %d, %s", code, errOut)
	}
}
