package story_test

import (
	"testing"
	"time"

	"dyno/bench/history"
	"dyno/bench/inject"
	"dyno/bench/link"
	"dyno/bench/story"
)

// A scene keeps to the time of its story, and to few arrows.
func TestScene(t *testing.T) {
	ops := []history.BankOp{op(2, 6, 7, history.Withdraw, 30), op(3, 12, 13, history.Query, 400)}
	s := story.Bank(history.Bank{Initial: map[string]int64{"": 400}}, history.Told{Ops: ops, Server: branchOf})
	zero := time.Unix(100, 0)
	at := func(n float64) time.Time { return zero.Add(time.Duration(n * ms)) }
	name := func(process string) string { return map[string]string{"b1": "branch 1", "b2": "branch 2"}[process] }
	scene := story.SceneOf([]inject.Absence{
		{Who: "b2", From: at(1), Until: at(9), What: "cut off"}, {Who: "b1", From: at(20), What: "killed"},
	}, []link.Passage{
		{From: "b1", To: "b2", At: at(2), Bytes: 9},
		{From: "b1", To: "b2", At: at(8), Bytes: 100, Cut: true},
		{From: "b1", To: "b2", At: at(9), Bytes: 50, Cut: true},
		{From: "b2", To: "b1", At: at(12.5), Bytes: 7, Delay: ms / 10},
		{From: "b1", To: "b2", At: at(40), Bytes: 1},
	}, zero, name).Around(s)
	if len(scene.Messages) != 3 {
		t.Errorf("%d messages fell into the story, want 3: %+v", len(scene.Messages), scene.Messages)
	}
	s = s.In(scene)
	var texts []string
	for _, m := range s.Messages {
		texts = append(texts, m.From+"→"+m.To+" "+m.Text)
	}
	want := []string{"branch 1→branch 2 not there yet", "branch 1→branch 2 150 B, cut off", "branch 2→branch 1 7 B"}
	if len(texts) != len(want) || texts[0] != want[0] || texts[1] != want[1] || texts[2] != want[2] {
		t.Errorf("%q, want %q", texts, want)
	}
	if len(s.Absences) != 1 || s.Absences[0].From != 6*ms || s.Absences[0].Until != 9*ms {
		t.Errorf("%+v: want one, of what is in the story", s.Absences)
	}
	look(t, s)
}
