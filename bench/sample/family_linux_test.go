package sample

import (
	"os/exec"
	"testing"
	"time"
)

// A shell that lets others work has used what they did, also once they are gone.
func TestFamily(t *testing.T) {
	work := exec.CommandContext(t.Context(), "sh", "-c", "(i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done) & wait; exec sleep 60")
	if err := work.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = work.Process.Kill(); _ = work.Wait() }()
	alone, all := clockOf(work.Process.Pid), family(work.Process.Pid, clockOf)
	var one, sum float64
	for sum < one+0.02 {
		s, ok := all()
		one, _ = alone()
		if !ok || s < sum {
			t.Fatalf("from %v to %v seconds, %v", sum, s, ok)
		}
		sum = s
		time.Sleep(time.Millisecond) // lets it work; how long does not matter
	}
	for len(Children(work.Process.Pid)) > 0 {
		time.Sleep(time.Millisecond)
	}
	if after, _ := all(); after < sum {
		t.Errorf("what it had used is forgotten: %v, then %v", sum, after)
	}
}
