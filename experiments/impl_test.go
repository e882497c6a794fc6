package experiments

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dyno/internal/record"
	"dyno/systems"
)

// openToy is the toy with a role that others may write.
func openToy() Catalog {
	sys := toy()
	sys.Roles = append(sys.Roles, systems.Role{
		Command: systems.Command{Name: "open"}, Probe: "/toy.v1.Toy/Hello",
	})
	return Catalog{Systems: []*systems.System{sys}}
}

// implied reads the minimal file with implementations, and other cells.
func implied(impl, cells string) (*Experiment, error) {
	return openToy().Read("toy-rates.yaml", []byte(strings.Replace(minimal, "core: [{clients: [1]}]", "impl: "+impl+"\ncore: ["+cells+"]", 1)))
}

// Two implementations are two levels of a factor; the commands of each come to the
// trials of its cells.
func TestImplIsAFactor(t *testing.T) {
	e, err := implied(`{mine: {open: "python3 mine.py"}, hers: {open: ./hers --fast}}`, "{impl: [dyno, mine, hers]}")
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(e, Selection{Scale: "full"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"dyno": "", "mine": "python3 mine.py", "hers": "./hers --fast"}
	for _, c := range p.Cells {
		if got := p.setting(c, 1).Impl["open"]; got != want[c.Factors["impl"]] {
			t.Errorf("%v: %q", c.Factors, got)
		}
	}
	if len(p.Cells) != len(want) || p.setting(p.Cells[0], 1).Stands("open") {
		t.Errorf("%d cells; dyno's own: %v", len(p.Cells), p.setting(p.Cells[0], 1))
	}
	if err := e.Stand(systems.Impl{"open": "x"}); err == nil {
		t.Error("--impl over impl: is allowed")
	}
}

// One without a label stands in all cells, as --impl does.
func TestImplOfAllCells(t *testing.T) {
	e, err := implied(`{open: python3 mine.py}`, "{clients: [1, 10]}")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := openToy().Read("toy-rates.yaml", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	if err := plain.Stand(systems.Impl{"open": "python3 mine.py"}); err != nil {
		t.Fatal(err)
	}
	for _, e := range []*Experiment{e, plain} {
		p, err := NewPlan(e, Selection{Scale: "full"})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Cells {
			if p.setting(c, 1).Impl["open"] != "python3 mine.py" || c.Values["impl"] != record.Given {
				t.Errorf("%v: %v", c.Values, p.setting(c, 1).Impl)
			}
		}
	}
}

func TestImplIsChecked(t *testing.T) {
	for impl, want := range map[string]string{
		`{dyno: {open: x}}`:   "toy-rates.yaml:9: dyno is the label of dyno's own roles",
		`{Mine: {open: x}}`:   `label "Mine"`,
		`{mine: {opne: x}}`:   `"opne" is not one of open`,
		`{mine: {open: [x]}}`: "want",
		`{mine: {}}`:          "name at least one role",
	} {
		if _, err := implied(impl, "{clients: [1]}"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", impl, err, want)
		}
	}
}

// A program that was changed is another one, and so is another command.
func TestStamp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mine.py")
	of := func(text, command string) string {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return stamp("binary", record.Impls{"mine": {"open": command}})
	}
	stamps := []string{stamp("binary", nil), of("1", "python3 '"+file+"'"), of("2", "python3 '"+file+"'"), of("2", "python3 -O '"+file+"'")}
	slices.Sort(stamps)
	if n := len(slices.Compact(stamps)); n != 4 {
		t.Errorf("%d different stamps of 4", n)
	}
	if first, again := of("1", file), of("1", file); first != again {
		t.Error("the same is not the same")
	}
}
