package lookaside

import (
	"os"
	"strings"
	"testing"
)

// Each rule in testdata/rules.txt names tests, and each of them is there.
func TestEveryRuleHasATest(t *testing.T) {
	text, err := os.ReadFile("testdata/rules.txt")
	if err != nil {
		t.Fatal(err)
	}
	rules := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		rule, where, ok := strings.Cut(line, " | ")
		if !ok || !strings.Contains(rule, ": ") {
			t.Errorf("not a rule and its tests: %q", line)
			continue
		}
		rules++
		for place := range strings.SplitSeq(where, ", ") {
			file, name, isTest := strings.Cut(place, " ")
			code, err := os.ReadFile(file)
			switch {
			case err != nil:
				t.Errorf("%s: %v", rule, err)
			case isTest && !strings.Contains(string(code), "\nfunc "+name+"(t *testing.T)"):
				t.Errorf("%s: there is no %s in %s", rule, name, file)
			case !isTest && !strings.HasPrefix(file, "core/balancer/testdata/"):
				t.Errorf("%s: %s names no test", rule, file)
			}
		}
	}
	if rules < 30 {
		t.Errorf("%d rules are listed", rules)
	}
}
