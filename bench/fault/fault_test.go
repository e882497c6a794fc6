package fault_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"dyno/bench/fault"
)

const ms = time.Millisecond

func TestParse(t *testing.T) {
	ab := fault.Links{A: []string{"a"}, B: []string{"b"}, OneWay: true}
	for text, want := range map[string]fault.Fault{
		"kill s2@2s":                             {At: 2 * time.Second, Kind: fault.Kill, Node: "s2"},
		"kill s2 @ 2s..":                         {At: 2 * time.Second, Kind: fault.Kill, Node: "s2"},
		"stop server-1@1s..3s":                   {At: time.Second, Kind: fault.Stop, Node: "server-1", For: 2 * time.Second},
		"crash s1=0.5@120ms..170ms":              {At: 120 * ms, Kind: fault.Crash, Node: "s1", P: 0.5, For: 50 * ms},
		"cut a-b@1s..3s":                         {At: time.Second, Kind: fault.Cut, Links: fault.Links{A: []string{"a"}, B: []string{"b"}}, For: 2 * time.Second},
		"cut server-1<->lb@0s":                   {Kind: fault.Cut, Links: fault.Links{A: []string{"server-1"}, B: []string{"lb"}}},
		"cut s1,s2->*@0s":                        {Kind: fault.Cut, Links: fault.Links{A: []string{"s1", "s2"}, OneWay: true}},
		"cut *->s[0-9]@0s":                       {Kind: fault.Cut, Links: fault.Links{B: []string{"s[0-9]"}, OneWay: true}},
		"cut@0s":                                 {Kind: fault.Cut},
		"cut *->*@0s":                            {Kind: fault.Cut},
		"heal@1ms":                               {At: ms, Kind: fault.Heal},
		"drop=0.25@0s":                           {Kind: fault.Drop, P: 0.25},
		"drop a->b = 0.25@0s":                    {Kind: fault.Drop, Links: ab, P: 0.25},
		"delay a->b=5ms@0s":                      {Kind: fault.Delay, Links: ab, Delay: 5 * ms},
		"delay a->b=5ms±1ms@0s..":                {Kind: fault.Delay, Links: ab, Delay: 5 * ms, Jitter: ms},
		"delay a->b=5ms~1ms@1ms..2ms":            {At: ms, Kind: fault.Delay, Links: ab, Delay: 5 * ms, Jitter: ms, Tail: true, For: ms},
		"rate a->b=1.5MiB@0s":                    {Kind: fault.Rate, Links: ab, Rate: 3 << 19},
		"rate a->b=64kB@0s":                      {Kind: fault.Rate, Links: ab, Rate: 64_000},
		"full-disk s1@0s":                        {Kind: fault.FullDisk, Node: "s1", P: 1},
		"full-disk s1=0.5@0s":                    {Kind: fault.FullDisk, Node: "s1", P: 0.5},
		"slow-disk s1=5ms@0s":                    {Kind: fault.SlowDisk, Node: "s1", Delay: 5 * ms},
		"reset a->b@0s # and why\n":              {Kind: fault.Reset, Links: ab},
		"  refuse   a->b@1m30s;; \n ; # nothing": {At: 90 * time.Second, Kind: fault.Refuse, Links: ab},
	} {
		got, err := fault.Parse(text)
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%q is read as %+v, %v; want %+v", text, got, err, want)
			continue
		}
		again, err := fault.Parse(got.String())
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%q is written as %q, and that read as %+v, %v", text, got, again, err)
		}
	}
	if s, err := fault.Parse(" \n;# none"); err != nil || len(s) != 0 {
		t.Errorf("no faults: %v, %v", s, err)
	}
}

func TestErrorsNameTheWord(t *testing.T) {
	for text, says := range map[string]string{
		"cut a->b":                          "it has no time",
		"@1s":                               "it says nothing",
		"melt s1@1s":                        `no fault is called "melt": want one of kill, crash`,
		"kill@1s":                           "A node is missing",
		"kill a b@1s":                       `"b" is too much`,
		"kill a@soon":                       `"soon" is not a duration`,
		"kill a@-1s":                        `"-1s" is negative`,
		"kill a@2s..1s":                     `ends at "1s", before`,
		"kill a@2s..2s":                     `ends at "2s", before`,
		"kill a=1@2s":                       "takes no value",
		"kill a*@2s":                        "cannot name a node",
		"restart a@1s..2s":                  "no such value or end",
		"reset a->b@1s..2s":                 "no such value or end",
		"cut ab@1s":                         `"ab" does not say from whom`,
		"cut a->@1s":                        `"a->" does not say`,
		"cut ->b@1s":                        `"->b" does not say`,
		"cut server-1-lb@1s":                `"server-1-lb" does not say where one name ends`,
		"cut a->b->c@1s":                    "no name or pattern",
		"cut [a->b@1s":                      `"[a"`,
		"cut a,,->b@1s":                     `"" is no name`,
		"cut s1->s1,s2@1s":                  "on both sides",
		"drop a->b@1s":                      "drop needs a value",
		"drop a->b=often@1s":                `"often"`,
		"drop a->b=1.5@1s":                  "between 0 and 1",
		"drop a->b=NaN@1s":                  "between 0 and 1",
		"delay a->b=quick@1s":               `"quick"`,
		"delay a->b=5ms±@1s":                `"" is not a duration`,
		"delay a->b=5ms±6ms@1s":             "cannot be shortened by more",
		"delay a->b=99999h@1s":              "times must lie",
		"rate a->b=fast@1s":                 `"fast"`,
		"rate a->b=-5@1s":                   `"-5"`,
		"rate a->b=0@1s":                    `"0"`,
		"rate a->b=999@1s":                  "at least 1000",
		"crash a=2@1s":                      "between 0 and 1",
		"kill a@1s; heel a->b@2s":           `"heel a->b@2s"`,
		strings.Repeat("kill a@1s;", 1e4+1): "more than 10000",
	} {
		if s, err := fault.Parse(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40q: got %v, %v; want %q", text, s, err, says)
		}
	}
}

// A fault made in Go is checked like one that was read.
func TestCheck(t *testing.T) {
	for _, f := range []fault.Fault{
		{Kind: "melt"},
		{Kind: fault.Heal, Node: "a"},
		{Kind: fault.Heal, For: ms},
		{Kind: fault.Restart, Node: "a", P: 1},
		{Kind: fault.Pause, Node: "a", Delay: ms},
		{Kind: fault.Pause, Node: "a", Rate: 5000},
		{Kind: fault.Pause, Node: "a", Links: fault.Links{A: []string{"b"}}},
		{Kind: fault.Cut, Links: fault.Links{OneWay: true}},
		{Kind: fault.Cut, Tail: true},
		{Kind: fault.Kill},
		{Kind: fault.Kill, Node: "a b"},
		{Kind: fault.Kill, Node: "a", At: fault.MaxTime, For: ms},
		{Kind: fault.Rate},
	} {
		if err := f.Check(); err == nil {
			t.Errorf("%+v is accepted", f)
		}
	}
}

func TestCover(t *testing.T) {
	for text, want := range map[string]string{ // of a->b, b->a, a->c, c->b
		"cut a->b@0s":    "a->b",
		"cut a-b@0s":     "a->b b->a",
		"cut *->b@0s":    "a->b c->b",
		"cut b->*@0s":    "b->a",
		"cut [ac]->*@0s": "a->b c->b",
		"cut a,c-b@0s":   "a->b b->a c->b",
		"cut@0s":         "a->b b->a a->c c->b",
		"cut d-*@0s":     "",
	} {
		s, err := fault.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, pair := range [][2]string{{"a", "b"}, {"b", "a"}, {"a", "c"}, {"c", "b"}} {
			if s[0].Links.Cover(pair[0], pair[1]) {
				got = append(got, pair[0]+"->"+pair[1])
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s covers %q, want %q", text, got, want)
		}
	}
}

func TestEventsAreInOrder(t *testing.T) {
	s, err := fault.Parse("kill b@2s..4s; kill a@1s..2s; pause c@3s")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range s.Events() {
		got = append(got, e.At.String()+" "+e.String())
	}
	want := "1s kill a@1s..2s|2s over: kill a@1s..2s|2s kill b@2s..4s|3s pause c@3s|4s over: kill b@2s..4s"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
}

func TestStoredAsText(t *testing.T) {
	s, err := fault.Parse("kill a@1s..2s\ncut a->b@3s")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(s)
	if err != nil || strings.Contains(string(text), "At") {
		t.Fatalf("stored as %s: %v", text, err)
	}
	if c, err := fault.Canonical(" kill  a@1s..2s ; cut a->b @3s.."); err != nil || c != s.Line() {
		t.Errorf("the canonical form is %q, %v; want %q", c, err, s.Line())
	}
}

// FuzzParse: what is read can be written and read again.
func FuzzParse(f *testing.F) {
	f.Add("cut a->b@2s; heal@3s; delay *->lb=5ms~1ms@0s; reset a-b@1s")
	f.Add("=@")
	f.Add("rate a->b=1.5MiB@1h; drop=1e-3@1ns\nfull-disk x@0..1s # y")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := fault.Parse(text)
		if err != nil {
			return
		}
		if again, err := fault.Parse(s.String()); err != nil || again.String() != s.String() {
			t.Errorf("%q was read as %q, and that as %q: %v", text, s, again, err)
		}
	})
}

func TestWords(t *testing.T) {
	kinds := make(map[fault.Kind]bool)
	for text, want := range map[string]string{
		"kill primary@2s":                  "primary killed at 2 s",
		"kill b2@200ms..500ms; pause c@3s": "b2 killed at 200 ms, back at 500 ms; c paused at 3 s",
		"stop s@1s..3s":                    "s stopped at 1 s, back at 3 s",
		"crash s1=0.5@120ms..1.5s":         "s1 loses power but for 50 % of what was not synced at 120 ms, back at 1.5 s",
		"crash s1@0s":                      "s1 loses power at 0 s",
		"restart s1@90s":                   "s1 started again at 90 s",
		"pause b2@200ms..500ms":            "b2 paused from 200 ms to 500 ms",
		"resume b2@1s":                     "b2 resumed at 1 s",
		"cut b2-b1,b3@200ms..500ms":        "cut between b2 and b1, b3 from 200 ms to 500 ms",
		"cut s1->*@0s":                     "cut from s1 to all others throughout",
		"heal@1ms":                         "all healed on all links at 1 ms",
		"drop a->b=0.25@0s":                "25 % lost from a to b throughout",
		"duplicate=0.001@1s":               "0.1 % doubled on all links at 1 s",
		"delay a-b=5ms±1ms@0s":             "5 ms ± 1 ms of delay between a and b throughout",
		"delay a-b=5ms~1ms@0s":             "5 ms and more, in the mean 1 ms, of delay between a and b throughout",
		"delay a-b=1500µs@1s..2s":          "1.5 ms of delay between a and b from 1 s to 2 s",
		"rate a-b=64kB@0s":                 "at most 64000 bytes/s between a and b throughout",
		"refuse a->b@1m30s":                "connections refused from a to b at 90 s",
		"reset a->b@0s":                    "connections reset from a to b at 0 s",
		"full-disk s1@0s":                  "s1 disk full at 0 s",
		"full-disk s1=0.5@0s":              "s1 disk full in 50 % of cases at 0 s",
		"slow-disk s1=5ms@1s..2s":          "s1 syncs 5 ms slower from 1 s to 2 s",
		"fail-sync s1@1s":                  "s1 syncs fail at 1 s",
	} {
		s, err := fault.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		kinds[s[0].Kind] = true
		if got := s.Words(); got != want {
			t.Errorf("%q is told as %q, want %q", text, got, want)
		}
	}
	if len(kinds) != 17 {
		t.Errorf("%d kinds of 17 are told", len(kinds))
	}
}
