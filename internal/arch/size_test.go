package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// Sizes that a reader can hold in mind. Tests are tables as often as code, so
// their functions are not counted.
const (
	maxFileLines     = 300
	maxFunctionLines = 70
	maxLineLength    = 140 // characters; tables of tests may be wider
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

// tooLong is the number of the first line that is, or 0.
func tooLong(text string) (line int) {
	for l := range strings.Lines(text) {
		if line++; utf8.RuneCountInString(l) > maxLineLength+1 {
			return line
		}
	}
	return 0
}

func TestTooLong(t *testing.T) {
	just := strings.Repeat("ü", maxLineLength) + "\n"
	if tooLong("a\n"+just) != 0 || tooLong(just+"a"+just) != 2 {
		t.Error("the length of lines is not seen")
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
	if text, err := os.ReadFile(name); err != nil {
		t.Error(err)
	} else if n := tooLong(string(text)); n > 0 && !test {
		t.Errorf("%s:%d is longer than %d characters: break it", name, n, maxLineLength)
	}
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
