package echo

import (
	"slices"
	"testing"

	"dyno/internal/record"
)

// upTo is 1 to n, from the last to the first: the order must not matter.
func upTo(n int) []uint64 {
	all := make([]uint64, n)
	for i := range all {
		all[i] = uint64(n - i)
	}
	return all
}

func TestNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		mutate  func([]uint64) []uint64
		unknown int64
		want    record.Status
	}{
		"each once":                  {func(n []uint64) []uint64 { return n }, 0, record.Valid},
		"each once, some unanswered": {func(n []uint64) []uint64 { return n }, 3, record.Valid},
		"one twice":                  {func(n []uint64) []uint64 { return append(n, n[4]) }, 0, record.Invalid},
		"one twice, one missing":     {func(n []uint64) []uint64 { n[4] = n[5]; return n }, 0, record.Invalid},
		"one twice, some unknown":    {func(n []uint64) []uint64 { return append(n, n[4]) }, 5, record.Invalid},
		"one missing":                {func(n []uint64) []uint64 { return slices.Delete(n, 4, 5) }, 0, record.Invalid},
		"one missing, one unknown":   {func(n []uint64) []uint64 { return slices.Delete(n, 4, 5) }, 1, record.Undetermined},
		"two missing, one unknown":   {func(n []uint64) []uint64 { return slices.Delete(n, 4, 6) }, 1, record.Invalid},
		"the last is missing":        {func(n []uint64) []uint64 { return n[1:] }, 0, record.Valid}, // it is checkAnswered that sees this
		"a zero":                     {func(n []uint64) []uint64 { n[4] = 0; return n }, 0, record.Invalid},
		"one invented":               {func(n []uint64) []uint64 { n[4] = 1 << 60; return n }, 0, record.Invalid},
		"one twice, far up":          {func(n []uint64) []uint64 { return append(n, maxNumber+1, maxNumber+1) }, maxNumber, record.Undetermined},
		"nothing":                    {func([]uint64) []uint64 { return nil }, 0, record.Undetermined},
	} {
		t.Run(name, func(t *testing.T) {
			var seen tally
			gather([]*caller{nil, {numbers: c.mutate(upTo(20))}}, &seen)
			n := seen.numbers
			if got := checkNumbers(n, record.Counts{Unknown: c.unknown}); got.Status != c.want {
				t.Errorf("%+v: %+v; want it %s", n, got, c.want)
			}
		})
	}
}

func TestAnswered(t *testing.T) {
	for _, c := range []struct {
		answered    uint64
		ok, unknown int64
		want        record.Status
	}{
		{20, 20, 0, record.Valid},
		{20, 20, 2, record.Valid},
		{21, 20, 0, record.Invalid},
		{19, 20, 0, record.Invalid},
		{19, 20, 2, record.Invalid},
		{22, 20, 2, record.Undetermined},
		{23, 20, 2, record.Invalid},
	} {
		counts := record.Counts{OK: c.ok, Unknown: c.unknown, Sent: c.ok + c.unknown}
		if got := checkAnswered(c.answered, counts); got.Status != c.want {
			t.Errorf("server %d, clients %+v: %+v; want it %s", c.answered, counts, got, c.want)
		}
	}
}

func TestPayload(t *testing.T) {
	a := answers{Numbers: numbers{Seen: 20}}
	if got := checkPayload(a); got.Status != record.Valid || got.Examined != 20 {
		t.Errorf("unaltered: %+v", got)
	}
	a.Altered = 1
	if got := checkPayload(a); got.Status != record.Invalid {
		t.Errorf("altered: %+v", got)
	}
}
