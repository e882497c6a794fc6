package live_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dyno/internal/live"
)

func serve(t *testing.T) *live.Server {
	t.Helper()
	s, err := live.Listen(":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close("gone") })
	return s
}

func get(t *testing.T, url, host string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		r.Host = host
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

// names reads events until one of a name.
func names(t *testing.T, in *bufio.Scanner, until string) (out []string) {
	t.Helper()
	for in.Scan() {
		if name, ok := strings.CutPrefix(in.Text(), "event: "); ok {
			in.Scan()
			if out = append(out, name+strings.TrimPrefix(in.Text(), "data: ")); name == until {
				return out
			}
		}
	}
	t.Fatalf("after %q the events end: %v", out, in.Err())
	return nil
}

func TestWhoComesLateIsToldWhatHolds(t *testing.T) {
	s := serve(t)
	s.Show([]byte("page"))
	for i := range 3 {
		_ = s.Send("progress", "progress", i)
		_ = s.Send("sample", "", i)
	}
	if page, err := io.ReadAll(get(t, s.URL(), "").Body); string(page) != "page" || err != nil {
		t.Errorf("the page is %q, %v", page, err)
	}
	events := bufio.NewScanner(get(t, s.URL()+"events", "").Body)
	want := []string{"begin{}", "sample0", "sample1", "progress2", "sample2"}
	if got := names(t, events, "progress"); !slices.Equal(got, want[:4]) {
		t.Errorf("told %q, want %q", got, want)
	}
	if !s.Watched() {
		t.Error("nobody is seen to look on")
	}
	_ = s.Send("trial", "t1", "valid")
	if got := names(t, events, "trial"); !slices.Equal(got, []string{"sample2", `trial"valid"`}) {
		t.Errorf("then %q", got)
	}
	if err := s.Close("that was it"); err != nil {
		t.Error(err)
	}
	if got := names(t, events, "end"); !slices.Equal(got, []string{`end"that was it"`}) {
		t.Errorf("at the end %q", got)
	}
	for events.Scan() {
		if events.Text() != "" {
			t.Errorf("after the end: %q", events.Text())
		}
	}
}

// What is kept for those who come late is bounded, and of the newest.
func TestKeptIsBounded(t *testing.T) {
	s := serve(t)
	for i := range 5000 {
		_ = s.Send("sample", "", i)
	}
	_ = s.Send("last", "last", 0)
	got := names(t, bufio.NewScanner(get(t, s.URL()+"events", "").Body), "last")
	if len(got) > 1024 || got[len(got)-2] != "sample4999" {
		t.Errorf("%d events, the last samples are %q", len(got), got[len(got)-2:])
	}
}

// Of this machine alone: neither another's name for it nor another address.
func TestOfThisMachineAlone(t *testing.T) {
	s := serve(t)
	if !strings.HasPrefix(s.URL(), "http://127.0.0.1:") {
		t.Errorf("it is at %s", s.URL())
	}
	for host, want := range map[string]int{"": 200, "localhost:1": 200, "[::1]:1": 200, "evil.example": 403, "10.0.0.1:80": 403} {
		if got := get(t, s.URL(), host); got.StatusCode != want {
			t.Errorf("asked as %q it answers %s", host, got.Status)
		}
	}
	if got := get(t, s.URL()+"etc/passwd", ""); got.StatusCode != 404 {
		t.Errorf("anything else is %s", got.Status)
	}
	for _, bad := range []string{"", "80", "nowhere", "127.0.0.1:99999"} {
		if _, err := live.Listen(bad); err == nil {
			t.Errorf("%q is an address", bad)
		}
	}
}

// A browser that does not read is dropped, and holds nobody up.
func TestSlowViewer(t *testing.T) {
	s := serve(t)
	get(t, s.URL()+"events", "")
	long := strings.Repeat("x", 1<<14)
	for i := 0; s.Watched() && i < 20000; i++ {
		_ = s.Send("data", fmt.Sprint("key", i%10), long)
	}
	if s.Watched() {
		t.Error("it is still waited for")
	}
}
