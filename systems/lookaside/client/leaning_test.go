package client

import (
	"testing"

	"dyno/bench/load"
	"dyno/internal/record"
)

func TestLeaning(t *testing.T) {
	span := func(target int32, begin, end int64) record.Span {
		return record.Span{Target: target, Begin: begin, End: end}
	}
	for name, c := range map[string]struct {
		spans []record.Span
		want  Leaning
	}{
		"to the least":          {[]record.Span{span(0, 0, 9), span(1, 1, 9)}, Leaning{Picks: 2, Coin: 0.5}},
		"to the same":           {[]record.Span{span(0, 0, 9), span(0, 1, 9)}, Leaning{Picks: 2, Excess: 1, Coin: 0.5}},
		"an end makes room":     {[]record.Span{span(0, 0, 1), span(0, 1, 9)}, Leaning{Picks: 2}},
		"nobody had one of all": {[]record.Span{span(-1, 0, 9), span(1, 1, 9)}, Leaning{Picks: 1}},
	} {
		if got := leaning(&load.Result{Spans: c.spans}, 2); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
