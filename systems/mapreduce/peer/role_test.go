package peer

import (
	"bytes"
	"strings"
	"testing"
)

// Whatever language the user has, lines are compared byte by byte: in others,
// GNU sort holds lines for equal that differ, and sort -u loses words.
func TestPipelineHasNoLanguage(t *testing.T) {
	for _, name := range []string{"LC_ALL", "LC_COLLATE", "LANG"} {
		t.Setenv(name, "en_US.UTF-8")
	}
	var out bytes.Buffer
	if _, err := pipeline(t.Context(), [][]string{{"sh", "-c", `cat; echo "LC_ALL=$LC_ALL"`}, {"sort", "-u"}}, strings.NewReader("b\n①\nB\n②\na-b\nab\n①\n"), &out); err != nil {
		t.Fatal(err)
	}
	if want := "B\nLC_ALL=C\na-b\nab\nb\n①\n②\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
