package shrink_test

import (
	"slices"
	"testing"

	"dyno/internal/shrink"
)

func TestList(t *testing.T) {
	all := make([]int, 100)
	for i := range all {
		all[i] = i
	}
	needs := func(want ...int) func([]int) bool {
		return func(l []int) bool {
			return !slices.ContainsFunc(want, func(w int) bool { return !slices.Contains(l, w) })
		}
	}
	for _, want := range [][]int{{}, {0}, {99}, {3, 50, 51, 98}} {
		if got := shrink.List(all, needs(want...)); !slices.Equal(got, want) {
			t.Errorf("%v of 100 matter, got %v", want, got)
		}
	}
	if got := shrink.List(all, func([]int) bool { return false }); len(got) != 100 {
		t.Errorf("what breaks nothing was cut to %v", got)
	}
	if !slices.IsSorted(all) || len(all) != 100 {
		t.Error("the list that was given is changed")
	}
}
