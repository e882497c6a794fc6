package report_test

import (
	"path/filepath"
	"strings"
	"testing"

	"dyno/internal/browser"
	"dyno/internal/live"
	"dyno/internal/record"
	"dyno/internal/report"
)

// The page of a run that is going on, in a real browser: what the run tells appears,
// figures are drawn anew, and the end is said.
func TestLivePageInABrowser(t *testing.T) {
	tab := browser.Start(t)
	html, err := report.LivePage([]record.Run{lbRun()})
	if err != nil {
		t.Fatal(err)
	}
	server, err := live.Listen(":0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close("gone") //nolint:errcheck // closed below, or failed before
	server.Show(html)
	send := func(name, key string, data any) {
		t.Helper()
		if err := server.Send(name, key, data); err != nil {
			t.Fatal(err)
		}
	}
	send("progress", "progress", map[string]any{"experiment": "lb-policies", "cell": "policy=least_load", "block": 1, "blocks": 6, "done": 3, "total": 40, "left": "2m", "valid": 1, "invalid": 1, "unknown": 0, "errors": 1})
	tab.Screen(1280, 900, "dark")
	tab.Open(server.URL())
	const plot = `document.getElementById('plots-lb-policies-throughput')`
	tab.Await(`document.querySelector('#live h2').textContent === 'lb-policies: trial 4 of 40, block 1 of 6, 2m left'`)
	tab.Await(plot + `.textContent.includes('not measured')`)
	if raw := tab.Ask(`(() => { const p = ` + plot + `; p.querySelector('.raw').click(); const text = p.innerText; p.querySelector('.raw').click(); return text; })()`); !strings.Contains(raw, "No trial of this is stored.") {
		t.Errorf("before the first trial its raw ones are %q", raw)
	}
	for i := range 8 {
		send("sample", "", map[string]any{
			"trial": "b01-c00" + string(rune('1'+i/4)), "live": map[string]any{"s": 0.5, "ok": 500 + i, "p50_ms": 2 + i, "p99_ms": 9 + i},
			"cpu": []map[string]any{{"name": "client", "cores": 0.5}, {"name": "s1", "cores": 0.25}},
		})
	}
	send("trial", "t1", map[string]any{"id": "lb-policies-b01-c001", "cell": "policy=least_load", "status": "invalid", "took": 6.5, "why": []string{"<b>wrong</b>"}})
	tab.Await(`document.querySelector('#live .now').textContent === '1014OK/s9ms p5016ms p990.75cores'`)
	tab.Await(`document.querySelector('#live tbody').textContent === 'lb-policies-b01-c001policy=least_loadinvalid <b>wrong</b>6.5'`)
	asked, err := report.Asked(filepath.Join(synthetic(t), "results", "lb-policies"))
	if err != nil {
		t.Fatal(err)
	}
	send("data", "data lb-policies", asked)
	tab.Await(plot + `.querySelectorAll('svg[role=img] g rect').length === 6`)
	picture(t, tab, "live-1280-dark")
	tab.Screen(390, 844, "light")
	tab.Await(`document.querySelector('#live svg[role=img]').getBoundingClientRect().right <= 390`)
	picture(t, tab, "live-390-light")
	if err := server.Close("The run is over"); err != nil {
		t.Error(err)
	}
	tab.Await(`document.querySelector('#live h2').textContent === 'The run is over'`)
	if trouble := tab.Trouble(); len(trouble) > 0 {
		t.Errorf("the page complains: %q", trouble)
	}
	for _, url := range tab.Requests() {
		if !strings.HasPrefix(url, server.URL()) && url != "about:blank" {
			t.Errorf("the page asks for %s", url)
		}
	}
}
