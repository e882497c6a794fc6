package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"dyno/experiments"
	"dyno/internal/ladder"
	"dyno/systems/all"
)

// The pages in docs/contract are what the program says, no more and no less, and
// every rung of every ladder can be climbed. make contract writes them anew.
func TestContracts(t *testing.T) {
	dir := "../../docs/contract"
	catalog := experiments.Catalog{Systems: all.Systems, FigureKinds: figureKinds()}
	var want []string
	for _, s := range all.Systems {
		if len(s.Open()) == 0 {
			if s.Contract != "" {
				t.Errorf("%s has a contract, and no role that anything can stand in for", s.Name)
			}
			continue
		}
		if err := ladder.Check(catalog, s); err != nil {
			t.Error(err)
		}
		if book, err := ladder.Read(s); err != nil || len(book.Ladder) < 5 {
			t.Errorf("%s has a ladder of %d rungs, %v", s.Name, len(book.Ladder), err)
		}
		var page bytes.Buffer
		if err := ladder.Contract(&page, s); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, s.Name+".md")
		want = append(want, path)
		if text, err := os.ReadFile(path); err != nil || !bytes.Equal(text, page.Bytes()) {
			t.Errorf("%s is not what dyno contract %s says (%v): run make contract", path, s.Name, err)
		}
	}
	got, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if slices.Sort(want); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v: %s; want %s", err, got, want)
	}
}
