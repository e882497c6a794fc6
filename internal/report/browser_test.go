package report_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dyno/internal/browser"
)

// The page in a real browser: it asks nobody for anything, complains of nothing,
// fits a phone, and answers. DYNO_PAGE=FILE tries another report's page, and
// DYNO_SCREENSHOTS=DIR keeps pictures to look at.
func TestPageInABrowser(t *testing.T) {
	tab := browser.Start(t)
	file := os.Getenv("DYNO_PAGE")
	if file == "" {
		file = filepath.Join(t.TempDir(), "report.html")
		write(t, file, wholeReport(t)["report.html"])
	}
	for _, screen := range []struct {
		wide, high int
		scheme     string
	}{{1280, 900, "light"}, {390, 844, "dark"}, {1280, 900, "dark"}, {390, 844, "light"}} {
		tab.Screen(screen.wide, screen.high, screen.scheme)
		tab.Open("file://" + file)
		tab.Ask(`document.querySelector('.plot').scrollIntoView()`)
		tab.Await(`document.querySelector('.plot svg[role=img]')`)
		if wide := tab.Ask(`document.documentElement.scrollWidth`); wide != fmt.Sprint(screen.wide) {
			t.Errorf("the page is %s pixels wide on a screen of %d", wide, screen.wide)
		}
		paper := map[string]string{"light": "rgb(255, 255, 255)", "dark": "rgb(22, 25, 29)"}[screen.scheme]
		if got := tab.Ask(`getComputedStyle(document.body).backgroundColor`); got != paper {
			t.Errorf("in the %s the page is %s", screen.scheme, got)
		}
		picture(t, tab, fmt.Sprintf("page-%d-%s", screen.wide, screen.scheme))
	}
	tab.Screen(1280, 900, "light")
	tab.Open("file://" + file)
	if os.Getenv("DYNO_PAGE") == "" {
		answers(t, tab)
	}
	if trouble := tab.Trouble(); len(trouble) > 0 {
		t.Errorf("the page complains: %q", trouble)
	}
	for _, url := range tab.Requests() {
		if url != "file://"+file && url != "about:blank" {
			t.Errorf("the page asks for %s", url)
		}
	}
	// What watches the page would have seen it.
	tab.Ask(`console.error('seen'), fetch('http://127.0.0.1:1/').catch(() => {}), 1`)
	tab.Await(`true`)
	if said := strings.Join(tab.Trouble(), "; "); !strings.Contains(said, "seen") || !strings.Contains(said, "Content Security Policy") {
		t.Errorf("an error and a request of the page's were not noticed: %q", said)
	}
}

// answers tries what a reader does.
func answers(t *testing.T, tab *browser.Tab) {
	t.Helper()
	const plot = `document.getElementById('plots-lb-policies-throughput')`
	tab.Ask(plot + `.scrollIntoView()`)
	tab.Await(plot + `.querySelector('svg[role=img]')`)
	// A point under the pointer says what it is.
	tab.Ask(`(() => { const s = ` + plot + `.querySelector('svg[role=img]'), m = s.querySelectorAll('g rect')[4], r = m.getBoundingClientRect();
		for (const type of ['pointermove', 'click']) s.dispatchEvent(new PointerEvent(type, {bubbles: true, clientX: r.left + r.width / 2, clientY: r.top + 2})); })()`)
	if tip := tab.Ask(plot + `.querySelector('.tip').innerText`); !strings.HasPrefix(tip, "least_load · 100\nthroughput (req/s): ") || !strings.Contains(tip, "[") {
		t.Errorf("the tip says %q", tip)
	}
	// A click lists its cell's trials.
	if rows := tab.Ask(plot + `.querySelectorAll('.trials tbody tr').length`); rows != "6" {
		t.Errorf("a click lists %s trials of the cell, want its 6", rows)
	}
	picture(t, tab, "trials")
	// A key hides its series, and the axis follows.
	if n := tab.Ask(`(() => { const n = () => ` + plot + `.querySelectorAll('svg[role=img] g rect').length, before = n();
		` + plot + `.querySelectorAll('.keys button')[2].click(); return before + ' ' + n(); })()`); n != "6 4" {
		t.Errorf("bars before and after one of four policies is hidden: %s", n)
	}
	// Another quantile is another plot.
	const p99 = `document.getElementById('plots-lb-policies-p99')`
	tab.Ask(p99 + `.scrollIntoView()`)
	tab.Await(p99 + `.querySelector('svg[role=img]')`)
	if label := tab.Ask(`(() => { [...` + p99 + `.querySelectorAll('.stats button')].find(b => b.textContent === 'p50').click();
		return [...` + p99 + `.querySelectorAll('text.label')].pop().textContent; })()`); label != "response p50 (ms)" {
		t.Errorf("after a click on p50 the axis says %q", label)
	}
	if note := tab.Ask(p99 + `.querySelector('.note').innerText`); !strings.HasPrefix(note, "Title and text around it are of p99. P50 of the pooled") {
		t.Errorf("after a click on p50 the page says %q", note)
	}
	// What is not valid is shown as that, without figures.
	all := tab.Ask(`(async () => { const d = document.querySelector('[data-ask=lb-policies] details'); d.open = true; await load('lb-policies');
		await new Promise(r => setTimeout(r)); return [...d.querySelectorAll('tr.bad')].map(r => r.cells[3].textContent + '|' + r.cells[6].textContent).join('\n'); })()`)
	if strings.Count(all, "\n") != 7 || !strings.Contains(all, "invalid counts is invalid: server s1 counts 3 | more than its clients|–") {
		t.Errorf("trials that are not valid are listed as\n%s", all)
	}
	// Heads sort, up and down, by value.
	sorted := tab.Ask(`(() => { const t = document.querySelector('[data-ask=lb-policies] table'), th = [...t.tHead.rows[0].cells].find(c => c.textContent.startsWith('throughput'));
		const read = () => [...t.tBodies[0].rows].map(r => parseFloat(r.cells[th.cellIndex].textContent.replace(/,/g, ''))).filter(x => !isNaN(x));
		th.click(); const up = read(); th.click(); const down = read();
		return up.length > 30 && up.every((x, i) => !i || up[i-1] <= x) && down.every((x, i) => !i || down[i-1] >= x); })()`)
	if sorted != "true" {
		t.Error("a click on a head does not sort its table")
	}
}

func picture(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	if dir := os.Getenv("DYNO_SCREENSHOTS"); dir != "" {
		write(t, filepath.Join(dir, name+".png"), tab.Picture())
	}
}
