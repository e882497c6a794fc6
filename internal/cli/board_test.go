package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/experiments"
)

func aBoard() board {
	return board{
		Experiment: "lb-policies", Cell: "policy=least_load clients=100", Block: 2, Blocks: 6, Done: 14, Total: 56, Left: "3m10s",
		Valid: 13, Unknown: 1, lastVerdict: "valid  policy=pick_first clients=10  2.1s",
		sample: experiments.Sample{
			At: 1500 * time.Millisecond, Live: &experiments.Live{Seconds: 0.5, OK: 6000, P50: 1.2, P99: 4.5},
			CPU: []experiments.Usage{{Name: "lb", Cores: 0.1}, {Name: "client", Cores: 0.8}},
		},
	}
}

func TestBoardOnATerminal(t *testing.T) {
	b := aBoard()
	want := []string{
		"lb-policies  [######..................] 14/56  block 2/6  3m10s left",
		"  now   policy=least_load clients=100  1.5s",
		"  load  12000 OK/s  p50 1.2 ms  p99 4.5 ms  not OK 0",
		"  cpu   0.90 cores: client 0.80  lb 0.10",
		"  done  13 valid  0 invalid  1 unknown  0 without a result",
		"  last  valid  policy=pick_first clients=10  2.1s",
	}
	if got := b.table(200); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, width := range []int{80, 40, 10, 2} {
		for _, l := range b.table(width) {
			if n := len([]rune(l)); n >= width {
				t.Errorf("a line of %d on a terminal of %d columns would wrap: %s", n, width, l)
			}
		}
	}
}

// The table takes itself away before it is drawn again, and before a line that stays;
// off a terminal there is none.
func TestTableIsRedrawn(t *testing.T) {
	for _, terminal := range []bool{true, false} {
		var out bytes.Buffer
		p := &progress{w: &out, terminal: terminal, width: func() int { return 80 }, board: aBoard(), stop: make(chan struct{})}
		p.draw()
		p.draw()
		p.line("a line that stays")
		p.draw()
		p.end()
		screen := render(out.String())
		if want := "a line that stays\n"; screen != want {
			t.Errorf("terminal %v: in the end the screen shows\n%s", terminal, screen)
		}
		if strings.Contains(out.String(), "\x1b") != terminal {
			t.Errorf("terminal %v: codes %q", terminal, out.String())
		}
	}
}

// render is what a terminal shows that knows the two codes used: up by lines, and
// clear from here.
func render(text string) string {
	var lines []string
	for text != "" {
		if rest, ok := strings.CutPrefix(text, "\x1b["); ok {
			n, after, _ := strings.Cut(rest, "A\x1b[J")
			text = after
			lines = lines[:len(lines)-atoi(n)]
			continue
		}
		line, rest, _ := strings.Cut(text, "\n")
		lines, text = append(lines, line), rest
	}
	return strings.Join(lines, "\n") + "\n"
}

func atoi(s string) (n int) {
	for _, d := range s {
		n = 10*n + int(d-'0')
	}
	return n
}
