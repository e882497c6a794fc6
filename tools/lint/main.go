// Command lint is every check of Go sources in one program: gofumpt's form, and
// what go vet, go fix and staticcheck look for. Apart, these are three programs of
// which each takes all packages apart, and what they import. What was found in a
// package is kept, as staticcheck does, until it or one of its imports changes.
//
//	go build -C tools -o ../bin/lint ./lint && bin/lint ./...
package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/modernize"
	"golang.org/x/tools/go/analysis/suite/fix"
	"golang.org/x/tools/go/analysis/suite/vet"
	"honnef.co/go/tools/lintcmd"
	"honnef.co/go/tools/lintcmd/version"
	"honnef.co/go/tools/simple"
	"honnef.co/go/tools/staticcheck"
	"honnef.co/go/tools/stylecheck"
	"honnef.co/go/tools/unused"
	"mvdan.cc/gofumpt/format"
)

func main() {
	if err := formatted(); err != nil {
		fmt.Fprintln(os.Stderr, "lint:", err)
		os.Exit(1)
	}
	cmd := lintcmd.NewCommand("lint")
	cmd.SetVersion(version.Version, version.MachineVersion)
	cmd.ParseFlags(os.Args[1:])
	checks := slices.Clone(vet.Suite)
	for _, a := range append(slices.Clone(fix.Suite), modernize.FmtAppendfAnalyzer) { // this Go's go fix has that, too
		if !slices.Contains(checks, a) {
			spareGenerated(a)
			checks = append(checks, a)
		}
	}
	for _, a := range checks {
		if !slices.Contains(later, a.Name) {
			inform(a)
			cmd.AddBareAnalyzers(a)
		}
	}
	cmd.AddAnalyzers(simple.Analyzers...)
	cmd.AddAnalyzers(staticcheck.Analyzers...)
	cmd.AddAnalyzers(stylecheck.Analyzers...)
	cmd.AddAnalyzers(unused.Analyzer)
	cmd.Run()
}

// later are checks of the next Go, whose go vet and go fix the library is ahead of.
var later = []string{
	"scannererr", "sqlrowserr", "atomictypes", "embedlit", "errorsastype", "importcomment", "reflecttypeassert",
	"slicesbackward", "slicesclip", "unsafefuncs",
}

// inform tells an analyzer of go vet's what it is told there, and staticcheck does
// not: the module, and which files of the package are for other systems.
func inform(a *analysis.Analyzer) {
	analyze := a.Run
	a.Run = func(pass *analysis.Pass) (any, error) {
		pass.ReadFile = os.ReadFile
		if len(a.FactTypes) == 0 && len(pass.Files) > 0 {
			pass.Module = &analysis.Module{Path: pass.Pkg.Path(), GoVersion: strings.TrimPrefix(pass.Pkg.GoVersion(), "go")}
			dir := filepath.Dir(pass.Fset.Position(pass.Files[0].Package).Filename)
			if p, err := build.ImportDir(dir, 0); err == nil { // there may be tests only, which are not of interest here
				for _, name := range p.IgnoredGoFiles {
					pass.IgnoredFiles = append(pass.IgnoredFiles, filepath.Join(dir, name))
				}
			}
		}
		return analyze(pass)
	}
}

// spareGenerated has an analyzer of go fix's say nothing of files that are
// generated, as go fix does.
func spareGenerated(a *analysis.Analyzer) {
	analyze := a.Run
	a.Run = func(pass *analysis.Pass) (any, error) {
		report := pass.Report
		pass.Report = func(d analysis.Diagnostic) {
			for _, f := range pass.Files {
				if f.FileStart <= d.Pos && d.Pos < f.FileEnd && ast.IsGenerated(f) {
					return
				}
			}
			report(d)
		}
		return analyze(pass)
	}
}

// formatted reports files below this folder that gofumpt would change, whatever
// they are built for.
func formatted() error {
	module, err := run("go", "list", "-m", "-f", "{{.Path}} go{{.GoVersion}}")
	if err != nil {
		return err
	}
	list, err := run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.go")
	if err != nil {
		return err
	}
	var options format.Options
	options.ModulePath, options.LangVersion, _ = strings.Cut(strings.TrimSpace(module), " ")
	files := make(chan string)
	wrong := make(chan error)
	var working sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		working.Go(func() {
			for path := range files {
				if err := check(path, options); err != nil {
					wrong <- err
				}
			}
		})
	}
	go func() {
		for path := range strings.SplitSeq(strings.TrimSuffix(list, "\x00"), "\x00") {
			if !strings.HasSuffix(path, ".pb.go") {
				files <- path
			}
		}
		close(files)
		working.Wait()
		close(wrong)
	}()
	var all []error
	for err := range wrong {
		all = append(all, err)
	}
	return errors.Join(all...)
}

func check(path string, options format.Options) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // removed, but not yet from the index
	}
	if err != nil {
		return err
	}
	want, err := format.Source(text, options)
	if err == nil && !bytes.Equal(want, text) {
		err = errors.New("not as gofumpt writes it (go tool -modfile=tools/go.mod gofumpt -w FILE)")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func run(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return string(out), nil
}
