package wait

import (
	"testing"
)

func TestLatest(t *testing.T) {
	var l Latest[int]
	v, changed := l.Get()
	if v != 0 {
		t.Errorf("zero value holds %d", v)
	}
	l.Set(0)
	select {
	case <-changed:
		t.Error("woken by the same value")
	default:
	}
	l.Set(1)
	<-changed
	if v, _ := l.Get(); v != 1 {
		t.Errorf("holds %d, want 1", v)
	}
}
