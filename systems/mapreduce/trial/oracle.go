package trial

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"dyno/internal/record"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/ledger"
)

// expectation is what a sequential run over the same input says must come out:
// the lines of all output files together, each with how often it comes.
type expectation struct {
	lines  map[string]int64
	total  int64 // lines
	values int64 // what was counted: words, or lines
}

// sequential runs a job as a plain loop over whole files. It shares nothing
// with the system: no scanner, no table, no hash, no merge.
func sequential(jobName string, args map[string]string, files []string) (*expectation, error) {
	counts := map[string]*int64{}
	places := map[string][]string{}
	values := int64(0)
	count := func(key []byte) {
		values++
		n := counts[string(key)]
		if n == nil {
			n = new(int64)
			counts[string(key)] = n
		}
		*n++
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		switch jobName {
		case "wordcount":
			eachWord(data, count)
		case "invertedindex":
			eachWord(data, func(word []byte) {
				values++
				if list := places[string(word)]; len(list) == 0 || list[len(list)-1] != name {
					places[string(word)] = append(list, name)
				}
			})
		case "sort", "totalsort":
			eachLine(data, count)
		case "grep":
			re, err := regexp.Compile(args["pattern"])
			if err != nil {
				return nil, err
			}
			eachLine(data, func(line []byte) {
				if re.Match(line) {
					count(line)
				}
			})
		default:
			return nil, fmt.Errorf("nobody wrote down what job %q must give", jobName)
		}
	}
	return expect(jobName, counts, places, values), nil
}

// expect writes down the lines.
func expect(jobName string, counts map[string]*int64, places map[string][]string, values int64) *expectation {
	e := &expectation{lines: map[string]int64{}, values: values}
	for key, n := range counts {
		if jobName == "wordcount" {
			e.lines[key+" "+strconv.FormatInt(*n, 10)] = 1
		} else {
			e.lines[key] = *n
		}
	}
	for word, names := range places {
		slices.Sort(names)
		e.lines[word+" "+strings.Join(slices.Compact(names), ",")] = 1
	}
	for _, n := range e.lines {
		e.total += n
	}
	return e
}

// eachWord calls f for each maximal run of letters. A byte that is not UTF-8 is
// decoded as U+FFFD, which is no letter.
func eachWord(data []byte, f func([]byte)) {
	word := -1 // where the open word begins
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch letter := unicode.IsLetter(r); {
		case letter && word < 0:
			word = i
		case !letter && word >= 0:
			f(data[word:i])
			word = -1
		}
		i += size
	}
	if word >= 0 {
		f(data[word:])
	}
}

func eachLine(data []byte, f func([]byte)) {
	for line := range bytes.Lines(data) {
		f(bytes.TrimSuffix(line, []byte{'\n'}))
	}
}

// check holds the output files against what must be in them. The expectation
// is not used up.
func (e *expectation) check(jobName, out string, reduces int) ([]record.Check, []ledger.File, error) {
	came := make(map[string]int64, len(e.lines))
	var read []ledger.File   // the files, as they were read
	home := map[string]int{} // of each key: its file
	var total, sum int64
	var wrong, scattered, unsorted []string
	ordered, order, last := jobName == "totalsort", "keys-sorted", ""
	if ordered {
		order = "sorted-over-all-files"
	}
	for x := range reduces {
		if !ordered {
			last = ""
		}
		seen, err := ledger.ReadFile(config.Layout{Out: out}.Output(x), func(line string) {
			total++
			key, n := keyOf(jobName, line)
			sum += n
			if came[line]++; came[line] > e.lines[line] {
				wrong = append(wrong, fmt.Sprintf("%q %d times, want %d", clipped(line), came[line], e.lines[line]))
			}
			if h, known := home[key]; known && h != x {
				scattered = append(scattered, fmt.Sprintf("%q in files %d and %d", clipped(key), h, x))
			}
			home[key] = x
			if key < last || key == last && total > 1 && !ofLines(jobName) && last != "" {
				unsorted = append(unsorted, fmt.Sprintf("%q after %q", clipped(key), clipped(last)))
			}
			last = key
		})
		if err != nil {
			return nil, nil, err
		}
		read = append(read, seen)
	}
	checks := []record.Check{
		verdictOf("output-equals-sequential", total, wrong),
		verdictOf("key-in-one-file", int64(len(home)), scattered),
		verdictOf(order, total, unsorted),
	}
	if total != e.total {
		checks = append(checks, record.Fail("all-lines", total, "%d lines came out, want %d", total, e.total))
	} else {
		checks = append(checks, record.Pass("all-lines", total))
	}
	if jobName == "wordcount" {
		if sum != e.values {
			checks = append(checks, record.Fail("sum-of-counts", sum, "the counts add up to %d, the input has %d words", sum, e.values))
		} else {
			checks = append(checks, record.Pass("sum-of-counts", sum))
		}
	}
	return checks, read, nil
}

// keyOf splits a line into its key and, for word counts, its number.
func keyOf(jobName, line string) (key string, n int64) {
	if ofLines(jobName) {
		return line, 1
	}
	key, value, _ := strings.Cut(line, " ")
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return key, 0 // a list of names
	}
	return key, n
}

// ofLines says that a job's keys are lines, which come out as often as they were
// there.
func ofLines(jobName string) bool {
	return jobName == "sort" || jobName == "totalsort" || jobName == "grep"
}

func verdictOf(name string, examined int64, problems []string) record.Check {
	if len(problems) == 0 {
		return record.Pass(name, examined)
	}
	return record.Fail(name, examined, "%d times, the first: %s", len(problems), problems[0])
}

func clipped(s string) string { return s[:min(len(s), 60)] }
