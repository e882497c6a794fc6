package cli_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"dyno/experiments"
)

// Every command line in the README and in the guide's chapters is understood.
func TestReadmeCommands(t *testing.T) {
	t.Chdir("../..")
	head := strings.Join(strings.SplitN(read(t, "README.md"), "\n", 21)[:20], "\n")
	if !strings.Contains(head, "make quick") || !strings.Contains(head, "make experiments") {
		t.Error("the two commands are not within the first 20 lines")
	}
	command := regexp.MustCompile("(?m)^ *bin/dyno (.*)$|`(?:bin/)?dyno ([^`\n]+)`")
	for _, path := range append(chapters(t), "README.md") {
		lines := command.FindAllStringSubmatch(read(t, path), -1)
		if len(lines) < 4 {
			t.Errorf("%s: only %d command lines found", path, len(lines))
		}
		for _, l := range lines {
			args := append(shellWords(t, l[1]+l[2]), "--help") // flags before it are parsed and checked
			if args[0] == "run" {
				args[len(args)-1] = "--dry-run" // all of it but the measuring
			}
			if code, _, errOut := dyno(t, args...); code != 0 {
				t.Errorf("%s: %s: exit %d %s", path, l[0], code, errOut)
			}
		}
	}
}

// So is every line of a shell in the guide's pages: what dyno is told, up to a file
// that is not there, and what make is to make.
func TestGuideCommands(t *testing.T) {
	t.Chdir("../..")
	makefile := read(t, "Makefile")
	line := regexp.MustCompile(`(?m)^(?:bin/)?(dyno|make) ((?:[^\\\n]|\\\n|\\.)+)$`)
	for _, page := range []string{"ci", "experiment-files", "many-machines", "results", "target", "teaching"} {
		lines := line.FindAllStringSubmatch(read(t, "docs/"+page+".md"), -1)
		if len(lines) == 0 {
			t.Errorf("docs/%s.md: no command was found", page)
		}
		for _, l := range lines {
			if l[1] == "make" {
				if target, _, _ := strings.Cut(l[2], " "); !strings.Contains(makefile, "\n"+target+":") {
					t.Errorf("docs/%s.md: make has no %s", page, target)
				}
				continue
			}
			said, _, _ := strings.Cut(substituted.ReplaceAllString(l[2], "1"), " #")
			end := shellEnds.FindStringIndex(said + " |")
			args := append(shellWords(t, said[:min(end[0], len(said))]), "--help")
			if i := slices.Index(args, "--"); i >= 0 {
				args = slices.Insert(args, i, "--help") // what follows is for a dyno elsewhere
			}
			if code, _, errOut := dyno(t, args...); code != 0 {
				t.Errorf("docs/%s.md: %s: exit %d %s", page, l[0], code, errOut)
			}
		}
	}
}

// What a shell would put in from other commands, and the signs after which a line is
// about something else than its first command.
var (
	substituted = regexp.MustCompile(`\$\([^)]*\)`)
	shellEnds   = regexp.MustCompile(` (?:\|\|?|>|&)(?: |$)`)
)

// A chapter tells what every experiment of its system shows, and names claims
// that the experiment makes.
func TestGuideChapters(t *testing.T) {
	t.Chdir("../..")
	for _, path := range chapters(t) {
		for _, heading := range []string{"The problem", "The protocol", "What the experiments show", "Exercises"} {
			if !hasHeading(prose(t, path), strings.ReplaceAll(strings.ToLower(heading), " ", "-")) {
				t.Errorf("%s has no heading %q", path, heading)
			}
		}
	}
	for _, name := range experiments.Names() {
		var e struct {
			System string
			Claims []struct{ Name string }
		}
		if err := yaml.Unmarshal([]byte(read(t, "experiments/"+name+".yaml")), &e); err != nil {
			t.Fatal(err)
		}
		path := "docs/systems/" + e.System + ".md"
		item := regexp.MustCompile(`(?s)\n- \[` + name + `\]\(../../results/` + name + `/README.md\):(.*?)\n(?:- |\n)`).FindStringSubmatch(read(t, path))
		if item == nil {
			t.Errorf("%s does not say what %s shows", path, name)
			continue
		}
		_, named, _ := strings.Cut(item[1], "Claims:")
		words := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(named, -1)
		if len(words) == 0 && len(e.Claims) > 0 {
			t.Errorf("%s names no claim of %s", path, name)
		}
		for _, w := range words {
			if !slices.ContainsFunc(e.Claims, func(c struct{ Name string }) bool { return c.Name == w[1] }) {
				t.Errorf("%s: %s makes no claim %q", path, name, w[1])
			}
		}
	}
}

// chapters are the guide's, one a system.
func chapters(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("docs/systems/*.md")
	if err != nil || len(paths) == 0 {
		t.Fatal("no chapters: ", err)
	}
	return paths
}
