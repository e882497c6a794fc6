package backoff

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoffGrowsToItsBoundWithJitter(t *testing.T) {
	var b Backoff
	most := First
	for i := range 20 {
		if d := b.Next(); d > most || d < most/2-1 {
			t.Errorf("wait %d is %v, want %v to %v", i, d, most/2, most)
		}
		most = min(2*most, Most)
	}
	b.Reset()
	if d := b.Next(); d > First {
		t.Errorf("first wait after a reset is %v", d)
	}
}

func TestBackoffWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := Backoff{attempts: 10}
		woken := make(chan struct{})
		close(woken)
		begin := time.Now()
		b.Wait(t.Context(), woken)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		b.Wait(ended, nil)
		if d := time.Since(begin); d != 0 {
			t.Errorf("waited %v although woken, and although the context had ended", d)
		}
		b.Wait(t.Context(), nil)
		if d := time.Since(begin); d < Most/2 || d > Most {
			t.Errorf("waited %v", d)
		}
	})
}
