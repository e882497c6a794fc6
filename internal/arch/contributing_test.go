package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// table reads a table of CONTRIBUTING.md: its rows by their first cell.
func table(t *testing.T, heading string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("CONTRIBUTING.md has no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]string{}
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if strings.HasPrefix(line, "| ") && len(cells) == 2 {
			rows[cells[0]] = cells[1]
		}
	}
	if len(rows) < 10 {
		t.Fatalf("%q has a table of %d rows: is it still one?", heading, len(rows))
	}
	return rows
}

var (
	quoted = regexp.MustCompile("`([^`]+)`")
	slice  = regexp.MustCompile("`([^`]+)` and one line in its slice `([A-Za-z]+)`")
)

// places are the files and folders that a cell names.
func places(cell string) (out []string) {
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		if strings.Contains(m[1], "/") || strings.HasPrefix(m[1], "go.") || m[1] == strings.ToLower(m[1]) && exists(m[1]) {
			out = append(out, m[1])
		}
	}
	return out
}

// exists reports whether a place is there, NAME standing for some system.
func exists(place string) bool {
	found, err := filepath.Glob(filepath.Join(root, strings.ReplaceAll(place, "NAME", "*")))
	return err == nil && len(found) > 0
}

// within reports whether a file or package lies in a place, and for which NAME.
func within(name, place string) (system string, ok bool) {
	return match(strings.ReplaceAll(place, "NAME", "*")+"/...", name)
}

// untrue lists what a cell names that is not there.
func untrue(cell string) (out []string) {
	for _, p := range places(cell) {
		if !exists(p) {
			out = append(out, p)
		}
	}
	for _, m := range slice.FindAllStringSubmatch(cell, -1) {
		declared := regexp.MustCompile(`(?m)^var ` + m[2] + ` = \[\]`)
		files, _ := filepath.Glob(filepath.Join(root, m[1], "*.go")) // the pattern is well formed
		if !slices.ContainsFunc(files, func(f string) bool {
			text, err := os.ReadFile(f)
			return err == nil && declared.Match(text)
		}) {
			out = append(out, m[1]+"."+m[2])
		}
	}
	return out
}

// Every room that the house names is there, and every package is in a room.
func TestHouse(t *testing.T) {
	var rooms []string
	for row := range table(t, "The house") {
		for _, p := range untrue(row) {
			t.Errorf("the house has a room %s, which is not there", p)
		}
		rooms = append(rooms, places(row)...)
	}
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		if !slices.ContainsFunc(rooms, func(room string) bool { _, ok := within(name, room); return ok }) {
			t.Errorf("%s is in no room of CONTRIBUTING.md", name)
		}
	}
}

// What is to be touched is there, to the slice.
func TestToAdd(t *testing.T) {
	for what, touch := range table(t, "To add …") {
		for _, p := range untrue(touch) {
			t.Errorf("to add %s, touch %s: it is not there", what, p)
		}
	}
}

func TestTablesBite(t *testing.T) {
	for cell, want := range map[string]int{
		"one file in `systems/mapreduce/core/job` and one line in its slice `All`":  0,
		"one file in `systems/mapreduce/core/job` and one line in its slice `Alle`": 1,
		"one file in `systems/mapreduce/job`":                                       1,
		"`systems/NAME`, `proto/NAME/v1`":                                           0,
		"`systems/NAME/nowhere`":                                                    1,
		"a line in `go.mod`, a `Knob`":                                              0,
	} {
		if got := untrue(cell); len(got) != want {
			t.Errorf("%s: %q, want %d", cell, got, want)
		}
	}
}

// A system is known in the places that its row names and nowhere else.
func TestAddingASystem(t *testing.T) {
	touched := places(table(t, "To add …")["a system"])
	for name, imports := range sources(t) {
		for _, imp := range imports {
			for _, own := range touched {
				system, ok := within(imp, own)
				if !ok || !strings.Contains(own, "NAME") || !isSystem(system) {
					continue
				}
				if !slices.ContainsFunc(touched, func(place string) bool {
					home, ok := within(filepath.ToSlash(filepath.Dir(name)), strings.ReplaceAll(place, "NAME", system))
					return ok && (home == "" || home == system)
				}) && !strings.HasSuffix(name, "_test.go") {
					t.Errorf("%s imports %s: to add a system would be to touch it", name, imp)
				}
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "systems/all/all.go"))
	if err != nil {
		t.Fatal(err)
	}
	dirs, _ := filepath.Glob(filepath.Join(root, "systems/*")) // the pattern is well formed
	for _, dir := range dirs {
		name := filepath.Base(dir)
		line := regexp.MustCompile(`(?m)^\t` + name + `\.(System|New\(\)),$`)
		if isSystem(name) && len(line.FindAllIndex(text, -1)) != 1 {
			t.Errorf("systems/all has not one line for %s", name)
		}
	}
}

// The toy that needs all that the contract offers (state on disk, TLS, restarts,
// cut links, the simulator) was added like that: its files need nothing that a
// system may not have, its core is a core, and nobody else knows it.
func TestToyIsASystem(t *testing.T) {
	files := sources(t)
	toy := slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(name string) bool { return !strings.HasPrefix(name, "systems/systemtest/ledger_") })
	if len(toy) < 3 {
		t.Fatalf("the toy has the files %q: where is it?", toy)
	}
	for _, name := range toy {
		p := pkg{ImportPath: module + "/systems/ledger"}
		if strings.Contains(name, "_core_") {
			p.ImportPath += "/core/log"
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range impurities(f) {
				t.Errorf("%s: %s", name, problem)
			}
		}
		for _, imp := range files[name] {
			imp = strings.Replace(imp, "proto/echo/", "proto/ledger/", 1) // it borrows one
			if imp != "testing" {
				p.Imports = append(p.Imports, strings.Replace(imp, "proto/", module+"/proto/", 1))
			}
		}
		for i, imp := range p.Imports {
			if exists(imp) {
				p.Imports[i] = module + "/" + imp
			}
		}
		for _, problem := range violations(p) {
			t.Error(problem)
		}
	}
	for name := range files {
		if slices.Contains(toy, name) || strings.HasPrefix(name, "internal/arch/") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(string(text), "ledgerSystem")
		if name == "systems/systemtest/toy_test.go" {
			lines-- // the toys' own list, as systems/all is that of systems
		}
		if lines != 0 {
			t.Errorf("%s knows the toy: to add a system would be to touch it", name)
		}
	}
}

// isSystem reports whether a folder of systems is one.
func isSystem(name string) bool { return exists("systems/" + name + "/report.md.tmpl") }

// sources are all Go files of the project and what they import, without the
// module's own name.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		out[filepath.ToSlash(rel)] = importsOf(f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func importsOf(f *ast.File) (out []string) {
	for _, i := range f.Imports {
		out = append(out, strings.TrimPrefix(strings.Trim(i.Path.Value, `"`), module+"/"))
	}
	return out
}
