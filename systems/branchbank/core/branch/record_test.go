package branch

import (
	"math"
	"testing"

	"dyno/internal/replica"
)

func FuzzParseRecord(f *testing.F) {
	body := Body{Kind: Withdraw, Amount: 7, Request: "r"}
	f.Add(appendWrite(replica.Write[Body]{Origin: 3, Seq: 9, Deps: replica.Vector{1: 2}, Body: body}))
	f.Add(appendBody([]byte{recordRefused}, body))
	f.Add(appendExternal(-5))
	f.Add([]byte("gbranch 1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRecord(b)
		if err != nil || r.Write == nil {
			return
		}
		again, err := ParseRecord(appendWrite(*r.Write))
		if err != nil || again.Write.Seq != r.Write.Seq || again.Write.Body != r.Write.Body || r.Write.Body.Amount < 1 {
			t.Errorf("%+v becomes %+v: %v", r.Write, again.Write, err)
		}
	})
}

func TestWide(t *testing.T) {
	most := wide{}.add(math.MaxInt64)
	for _, c := range []struct {
		sum  wide
		want int64
		fits bool
	}{
		{wide{}.add(-5), -5, true},
		{most, math.MaxInt64, true},
		{most.add(1), math.MaxInt64, false},
		{most.add(math.MaxInt64).add(-math.MaxInt64), math.MaxInt64, true},
		{wide{}.add(math.MinInt64), math.MinInt64, true},
		{wide{}.add(math.MinInt64).add(-1), math.MinInt64, false},
		{most.plus(most).minus(most), math.MaxInt64, true},
	} {
		if _, fits := c.sum.int64(); c.sum.clip() != c.want || fits != c.fits {
			t.Errorf("%+v is %d, %v; want %d, %v", c.sum, c.sum.clip(), fits, c.want, c.fits)
		}
	}
	if !most.add(1).covers(math.MaxInt64) || (wide{}).covers(1) || !(wide{}).covers(0) || most.add(1).negative() || !most.positive() {
		t.Error("comparisons are wrong")
	}
}
