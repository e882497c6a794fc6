package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Sizes that a reader can hold in mind. Tests are tables as often as code, so
// their functions are not counted.
const (
	maxFileLines     = 300
	maxFunctionLines = 70
	p90FunctionLines = 45
)

func TestSizes(t *testing.T) {
	var lengths []int
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "out" || d.Name() == "testdata"):
			return filepath.SkipDir
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, ".pb.go"):
			return nil
		}
		lengths = append(lengths, measure(t, name)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lengths)
	if p90 := lengths[len(lengths)*9/10]; p90 > p90FunctionLines {
		t.Errorf("the 90th percentile of function lengths is %d lines, want at most %d", p90, p90FunctionLines)
	}
}

// measure reports a file or function that is too long and returns the lengths
// of its functions.
func measure(t *testing.T, name string) []int {
	t.Helper()
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	test := strings.HasSuffix(name, "_test.go")
	if n := files.File(f.Pos()).LineCount(); n > maxFileLines && !test {
		t.Errorf("%s has %d lines, want at most %d: split it", name, n, maxFileLines)
	}
	var lengths []int
	for _, decl := range f.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || test {
			continue
		}
		n := files.Position(fn.End()).Line - files.Position(fn.Pos()).Line
		if n > maxFunctionLines {
			t.Errorf("%s: %s has %d lines, want at most %d", name, fn.Name.Name, n, maxFunctionLines)
		}
		lengths = append(lengths, n)
	}
	return lengths
}
