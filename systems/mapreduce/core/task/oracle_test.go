package task_test

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The oracle: plain loops over the input, written apart from the system, from
// the definitions of the jobs.

type oracleFile struct{ name, body string }

// oracle returns what the output files must hold.
func oracle(job, pattern string, files []oracleFile, reduces int) []string {
	lines := map[string]string{} // key to its lines
	switch job {
	case "wordcount":
		counts := map[string]int{}
		for _, f := range files {
			for _, w := range oracleWords(f.body) {
				counts[w]++
			}
		}
		for w, n := range counts {
			lines[w] = fmt.Sprintf("%s %d\n", w, n)
		}
	case "invertedindex":
		where := map[string]map[string]bool{}
		for _, f := range files {
			for _, w := range oracleWords(f.body) {
				if where[w] == nil {
					where[w] = map[string]bool{}
				}
				where[w][f.name] = true
			}
		}
		for w, names := range where {
			var sorted []string
			for n := range names {
				sorted = append(sorted, n)
			}
			slices.Sort(sorted)
			lines[w] = w + " " + strings.Join(sorted, ",") + "\n"
		}
	default:
		for _, f := range files {
			for line := range strings.Lines(f.body) {
				line = strings.TrimSuffix(line, "\n")
				if job == "sort" || job == "totalsort" || regexp.MustCompile(pattern).MatchString(line) {
					lines[line] += line + "\n"
				}
			}
		}
	}
	keys := make([]string, 0, len(lines))
	for k := range lines {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out := make([]string, reduces)
	for _, k := range keys {
		h := fnv.New64a()
		h.Write([]byte(k))
		out[h.Sum64()%uint64(reduces)] += lines[k]
	}
	return out
}

func oracleWords(body string) (out []string) {
	start := -1
	for i := 0; i < len(body); {
		r, size := utf8.DecodeRuneInString(body[i:])
		switch letter := unicode.IsLetter(r); {
		case letter && start < 0:
			start = i
		case !letter && start >= 0:
			out, start = append(out, body[start:i]), -1
		}
		i += size
	}
	if start >= 0 {
		out = append(out, body[start:])
	}
	return out
}
