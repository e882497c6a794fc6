// Package browser drives a headless Chromium in tests, over the pipes of its
// DevTools protocol: what a page logs, what it asks the network for, what a script
// in it answers, how it looks. It is all that tests of pages need, and compiles in no time.
package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every answer: a browser on a busy machine is slow.
const patience = 90 * time.Second

// Tab is a page that was opened.
type Tab struct {
	tb      testing.TB
	to      *os.File
	session string

	mu       sync.Mutex
	last     int
	waiting  map[int]chan reply
	loaded   chan struct{}
	trouble  []string
	requests []string
}

type reply struct {
	ID     int
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  *struct{ Message string }
}

// find is the program that Debian, or somebody else, calls Chromium.
func find() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Start starts a browser with an empty tab; both end with the test. Without a
// Chromium the test is skipped.
func Start(tb testing.TB) *Tab {
	tb.Helper()
	program := find()
	if program == "" {
		tb.Skip("no Chromium is installed (apt-get install chromium): the page is not tried in a browser")
	}
	ours, theirs, err := pipes()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(program, "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--user-data-dir="+tb.TempDir(), "about:blank")
	cmd.ExtraFiles = theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	for _, f := range theirs {
		f.Close()
	}
	t := &Tab{tb: tb, to: ours[0], waiting: make(map[int]chan reply), loaded: make(chan struct{}, 1)}
	done := make(chan struct{})
	go t.listen(ours[1], done)
	tb.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // with all that it started
		_ = cmd.Wait()
		<-done
		ours[0].Close()
		ours[1].Close()
	})
	var made struct{ TargetID, SessionID string }
	t.Call("Target.createTarget", map[string]any{"url": "about:blank"}, &made)
	t.Call("Target.attachToTarget", map[string]any{"targetId": made.TargetID, "flatten": true}, &made)
	t.session = made.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		t.Call(domain+".enable", nil, nil)
	}
	return t
}

// pipes are ours (to write, to read) and the browser's (its descriptors 3 and 4).
func pipes() (ours, theirs []*os.File, err error) {
	in, to, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	from, out, err := os.Pipe()
	return []*os.File{to, from}, []*os.File{in, out}, err
}

func (t *Tab) listen(from *os.File, done chan struct{}) {
	defer close(done)
	for in := bufio.NewReader(from); ; {
		text, err := in.ReadBytes(0)
		if err != nil {
			return
		}
		var r reply
		if json.Unmarshal(text[:len(text)-1], &r) != nil {
			continue
		}
		t.mu.Lock()
		if to := t.waiting[r.ID]; r.ID != 0 && to != nil {
			to <- r
			delete(t.waiting, r.ID)
		} else {
			t.event(r)
		}
		t.mu.Unlock()
	}
}

// event notes what a page is not to do.
func (t *Tab) event(r reply) {
	var p struct {
		Type    string
		Args    []struct{ Value, Description any }
		Entry   struct{ Level, Text, URL string }
		Request struct{ URL string }

		ExceptionDetails struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	_ = json.Unmarshal(r.Params, &p) // of events that are not looked at, other fields
	switch r.Method {
	case "Page.loadEventFired":
		select {
		case t.loaded <- struct{}{}:
		default:
		}
	case "Runtime.exceptionThrown":
		t.trouble = append(t.trouble, p.ExceptionDetails.Text+" "+p.ExceptionDetails.Exception.Description)
	case "Runtime.consoleAPICalled":
		if p.Type == "error" || p.Type == "warning" || p.Type == "assert" {
			t.trouble = append(t.trouble, fmt.Sprint(p.Type, ": ", p.Args))
		}
	case "Log.entryAdded":
		if p.Entry.Level == "error" || p.Entry.Level == "warning" {
			t.trouble = append(t.trouble, p.Entry.Text+" "+p.Entry.URL)
		}
	case "Network.requestWillBeSent":
		if !strings.HasPrefix(p.Request.URL, "data:") {
			t.requests = append(t.requests, p.Request.URL)
		}
	}
}

// Call is one call of the protocol.
func (t *Tab) Call(method string, params, result any) {
	t.tb.Helper()
	if err := t.call(method, params, result); err != nil {
		t.tb.Fatalf("%s: %v", method, err)
	}
}

func (t *Tab) call(method string, params, result any) error {
	answer := make(chan reply, 1)
	t.mu.Lock()
	t.last++
	message := map[string]any{"id": t.last, "method": method}
	if params != nil {
		message["params"] = params
	}
	if t.session != "" {
		message["sessionId"] = t.session
	}
	t.waiting[t.last] = answer
	text, err := json.Marshal(message)
	if err == nil {
		_, err = t.to.Write(append(text, 0))
	}
	t.mu.Unlock()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(t.tb.Context(), patience)
	defer cancel()
	select {
	case <-ctx.Done():
		return errors.New("the browser does not answer")
	case r := <-answer:
		if r.Error != nil {
			return errors.New(r.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(r.Result, result)
	}
}

// Open shows an address and waits until it is loaded.
func (t *Tab) Open(url string) {
	t.tb.Helper()
	t.Call("Page.navigate", map[string]any{"url": url}, nil)
	select {
	case <-t.loaded:
	case <-time.After(patience):
		t.tb.Fatalf("%s was not loaded within %v", url, patience)
	}
}

// Screen sets the size of the screen and the scheme of colours, light or dark.
func (t *Tab) Screen(wide, high int, scheme string) {
	t.tb.Helper()
	size := map[string]any{"width": wide, "height": high, "deviceScaleFactor": 1, "mobile": wide < 600}
	t.Call("Emulation.setDeviceMetricsOverride", size, nil)
	feature := map[string]string{"name": "prefers-color-scheme", "value": scheme}
	t.Call("Emulation.setEmulatedMedia", map[string]any{"features": []any{feature}}, nil)
}

// Ask evaluates an expression, a promise's value if it is one, and returns it as text.
func (t *Tab) Ask(expression string) string {
	t.tb.Helper()
	var out struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	t.Call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &out)
	if d := out.ExceptionDetails; d != nil {
		t.tb.Fatalf("%s: %s %s", expression, d.Text, d.Exception.Description)
	}
	return fmt.Sprint(out.Result.Value)
}

// Await waits until an expression is true.
func (t *Tab) Await(expression string) {
	t.tb.Helper()
	const frames = `new Promise(yes => {
		const end = Date.now() + %d, look = () => (%s) ? yes(true) : Date.now() > end ? yes(false) : setTimeout(look, 20);
		look();
	})`
	if t.Ask(fmt.Sprintf(frames, (patience/2).Milliseconds(), expression)) != "true" {
		t.tb.Fatalf("it never was: %s", expression)
	}
}

// Picture is what the screen shows, as PNG.
func (t *Tab) Picture() []byte {
	t.tb.Helper()
	var shot struct{ Data []byte }
	t.Call("Page.captureScreenshot", map[string]any{"format": "png"}, &shot)
	return shot.Data
}

// Trouble is what the page has complained of until now.
func (t *Tab) Trouble() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.trouble...)
}

// Requests are the addresses that it asked for, data: left out.
func (t *Tab) Requests() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.requests...)
}
