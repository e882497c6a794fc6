package trial

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dyno/bench/story"
	"dyno/internal/record"
	"dyno/systems/byzantine/core/adversary"
	"dyno/systems/byzantine/core/general"
	"dyno/systems/byzantine/play"
)

// played is a run of four in which general 1 behaves like a traitor of a kind.
func played(t *testing.T, traitor, kind string) *play.Outcome {
	t.Helper()
	v, err := play.Knobs.Resolve(map[string]string{"n": "4", "t": "1", "resolver": "messages"})
	if err != nil {
		t.Fatal(err)
	}
	b := play.New(v, 1)
	a, known := adversary.LookUp(kind)
	if !known {
		t.Fatalf("there is no adversary %q", kind)
	}
	b.Heard, b.Adversary, b.Traitor = true, a, a.New(3)
	if traitor != "" {
		b.Traitors = general.Only(1)
	}
	o := b.Play()
	o.Traitors = 0 // nobody declared it
	return o
}

// The story names who did what is not to be, in a picture that can be drawn.
func TestStory(t *testing.T) {
	for kind, want := range map[string]string{
		"equivocate": `general 1 told general 2 "retreat", and general 3 "attack", of what 0 had said`,
		"flip":       `general 1 was told "attack" by general 0, and told general`,
		"silent":     "general 1 said nothing to general 2",
		"":           "the loyal generals do not",
	} {
		t.Run(kind, func(t *testing.T) {
			who := "1"
			if kind == "" {
				kind, who = "flip", ""
			}
			s := tell(played(t, who, kind), []record.Check{record.Fail("agreement", 4, "the loyal generals do not decide the same")})
			if text := strings.Join(s.Words, "\n"); !strings.Contains(text, want) {
				t.Errorf("%q does not say %q", text, want)
			}
			if broken := slices.ContainsFunc(s.Messages, func(m story.Message) bool { return m.Broken }); broken != (who != "" && kind != "silent") {
				t.Errorf("%d messages; one that is wrong: %v", len(s.Messages), broken)
			}
			var svg bytes.Buffer
			if _, err := s.Tell(&svg); err != nil {
				t.Fatal(err)
			}
			if dir := os.Getenv("DYNO_STORIES"); dir != "" {
				if err := os.WriteFile(filepath.Join(dir, "byzantine-"+kind+who+".svg"), svg.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// What another program decides may be no order: that is told, too.
func TestNoDecision(t *testing.T) {
	o := played(t, "", "flip")
	o.Decisions[2].Value = general.Attack + 7
	s := tell(o, []record.Check{record.Fail("decided", 4, "general 2 decided neither")})
	if !slices.ContainsFunc(s.Steps, func(step story.Step) bool { return step.Text == "nothing" && step.Broken }) {
		t.Errorf("%+v", s.Steps)
	}
}
