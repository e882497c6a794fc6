package link_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/bench/link"
)

func TestParseSchedule(t *testing.T) {
	const text = `cut a->b@2s, heal a->b@3s; delay *->lb 5ms jitter 1ms@0s
		reset a-b@1s
		delay s[0-9]<->client-1 1m jitter 2ms exponential @ 10ms
		delay a->b 0s jitter 1ms uniform@4s
		rate a->b 1.5MB@5s, rate a->b 0 @5s, drop a->* 0.25@6s
		refuse server-1->lb@7s,
	`
	want := link.Schedule{
		{At: 2 * time.Second, Verb: link.Cut, From: "a", To: "b"},
		{At: 3 * time.Second, Verb: link.Heal, From: "a", To: "b"},
		{Verb: link.Delay, From: "*", To: "lb", Delay: 5 * ms, Jitter: link.Jitter{Size: ms}},
		{At: time.Second, Verb: link.Reset, From: "a", To: "b", Both: true},
		{At: 10 * ms, Verb: link.Delay, From: "s[0-9]", To: "client-1", Both: true, Delay: time.Minute, Jitter: link.Jitter{Size: 2 * ms, Exponential: true}},
		{At: 4 * time.Second, Verb: link.Delay, From: "a", To: "b", Jitter: link.Jitter{Size: ms}},
		{At: 5 * time.Second, Verb: link.Rate, From: "a", To: "b", Rate: 1_500_000},
		{At: 5 * time.Second, Verb: link.Rate, From: "a", To: "b"},
		{At: 6 * time.Second, Verb: link.Drop, From: "a", To: "*", Drop: 0.25},
		{At: 7 * time.Second, Verb: link.Refuse, From: "server-1", To: "lb"},
	}
	got, err := link.ParseSchedule(text)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("read %v: %v", got, err)
	}
	var again link.Schedule
	stored, err := json.Marshal(got)
	if err == nil {
		err = json.Unmarshal(stored, &again)
	}
	if err != nil || !slices.Equal(again, want) {
		t.Errorf("stored as %s, read as %v: %v", stored, again, err)
	}
	if none, err := link.ParseSchedule(" \n,"); err != nil || len(none) != 0 {
		t.Errorf("no steps: %v, %v", none, err)
	}
}

// TestScheduleErrorsNameTheWord.
func TestScheduleErrorsNameTheWord(t *testing.T) {
	for text, word := range map[string]string{
		"cut a->b":                               "no time",
		"cutt a->b@1s":                           `"cutt"`,
		"cut@1s":                                 "whom",
		"@1s":                                    "says nothing",
		"cut ab@1s":                              `"ab"`,
		"cut a->@1s":                             `"a->"`,
		"cut ->b@1s":                             `"->b"`,
		"cut server-1-lb@1s":                     `"server-1-lb"`,
		"cut a->b->c@1s":                         `"b->c"`,
		"cut [a->b@1s":                           `"[a"`,
		"cut a->b now@1s":                        `"now"`,
		"cut a->b@soon":                          `"soon"`,
		"cut a->b@-1s":                           `"-1s"`,
		"delay a->b@1s":                          "needs a value",
		"delay a->b quick@1s":                    `"quick"`,
		"delay a->b 5ms jitter@1s":               "jitter needs",
		"delay a->b 5ms jitter much@1s":          `"much"`,
		"delay a->b 5ms jitter 1ms normal@1s":    `"normal"`,
		"delay a->b 5ms wobble 1ms@1s":           `"wobble"`,
		"delay a->b 2m@1s":                       "2m0s",
		"rate a->b fast@1s":                      `"fast"`,
		"rate a->b 5TB@1s":                       `"5TB"`,
		"rate a->b -5@1s":                        `"-5"`,
		"rate a->b NaN@1s":                       `"NaN"`,
		"rate a->b 0.1@1s":                       "rate 1",
		"rate a->b 999B@1s":                      "rate 999",
		"drop a->b often@1s":                     `"often"`,
		"drop a->b 1.5@1s":                       "1.5",
		"drop a->b NaN@1s":                       "NaN",
		strings.Repeat("cut a-b@1s,", 10_001):    "10000 steps",
		"cut a->b@1s, heal a->b@2s, heel a->b@3": `"heel a->b@3"`,
	} {
		if s, err := link.ParseSchedule(text); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%.50q: error %v does not say %s; read %v", text, err, word, s)
		}
	}
	for _, text := range []string{"", "cut", "cut a->b@1s", "delay a->b 99h"} {
		if s, err := link.ParseCommand(text); err == nil {
			t.Errorf("command %q read as %v", text, s)
		}
	}
}

// FuzzParseSchedule: what is read can be written and read again.
func FuzzParseSchedule(f *testing.F) {
	f.Add("cut a->b@2s, heal *<->b@3s, delay *->lb 5ms jitter 1ms exponential@0s, reset a-b@1s")
	f.Add("rate a->b 1.5MiB@1h, drop a-b 1e-3@1ns; refuse x->y@0")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := link.ParseSchedule(text)
		if err != nil {
			return
		}
		again, err := link.ParseSchedule(s.String())
		if err != nil || again.String() != s.String() {
			t.Errorf("%q was read as %q, and that as %q: %v", text, s, again, err)
		}
	})
}
