package arch

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// clocks are what of package time reads a clock or waits; durations and their
// arithmetic are not among them.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Timer", "Ticker"}

// seeded are what of math/rand/v2 makes a generator from a seed, or names a
// type; everything else draws from one that nobody seeded.
var seeded = []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "PCG", "ChaCha8", "Source", "Zipf"}

// A protocol core is told the time and given its chance: a clock, a timer or a
// global generator would make its runs in the simulator differ from each other.
func TestCoresKnowNoClockAndNoChance(t *testing.T) {
	cores := 0
	look := func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		from := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(name)), "../../")
		if !isCore(from) {
			return nil
		}
		cores++
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, problem := range impurities(f) {
			t.Errorf("%s: %s: a core is told the time and given its chance", name, problem)
		}
		return nil
	}
	if err := errors.Join(filepath.WalkDir("../../systems", look), filepath.WalkDir("../../"+replicaRoom, look)); err != nil {
		t.Fatal(err)
	}
	if cores == 0 {
		t.Error("no file of a core was looked at")
	}
}

// isCore reports whether the rule that holds for a package is that of cores.
func isCore(from string) bool {
	for _, r := range rules {
		if _, ok := match(r.From, from); ok {
			return r.pure()
		}
	}
	return false
}

// impurities lists what a file uses of clocks and of chance that nobody seeded.
func impurities(f *ast.File) []string {
	names := map[string]string{} // of imports, by the name they have here
	for _, i := range f.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		switch {
		case path != "time" && path != "math/rand/v2":
		case i.Name != nil:
			names[i.Name.Name] = path
		case path == "time":
			names["time"] = path
		default:
			names["rand"] = path
		}
	}
	if names["."] != "" {
		return []string{names["."] + " is imported without a name"}
	}
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := s.X.(*ast.Ident)
		if !ok {
			return true
		}
		switch names[x.Name] {
		case "time":
			if slices.Contains(clocks, s.Sel.Name) {
				out = append(out, "time."+s.Sel.Name)
			}
		case "math/rand/v2":
			if !slices.Contains(seeded, s.Sel.Name) {
				out = append(out, "rand."+s.Sel.Name)
			}
		}
		return true
	})
	return out
}

func TestImpuritiesBite(t *testing.T) {
	for text, want := range map[string]int{
		`import "time"; var x = time.Now()`:                                       1,
		`import clock "time"; var x = clock.Since(clock.Time{})`:                  1,
		`import "time"; func f() { <-time.After(time.Second) }`:                   1,
		`import "time"; var x = 3 * time.Second`:                                  0,
		`import "math/rand/v2"; var x = rand.IntN(3)`:                             1,
		`import "math/rand/v2"; var x = rand.New(rand.NewPCG(1, 2)).IntN(3)`:      0,
		`import . "time"; var x = Now()`:                                          1,
		`import "time"; type clock struct { t *time.Timer }`:                      1,
		`import "math/rand/v2"; func f(r *rand.Rand) { r.Shuffle(1, nil) }`:       0,
		`import "math/rand/v2"; func f() { rand.Shuffle(1, func(int, int) { }) }`: 1,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x; "+text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := impurities(f); len(got) != want {
			t.Errorf("%s: %q, want %d", text, got, want)
		}
	}
}
