package trial

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"dyno/bench/story"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/core/plan"
	"dyno/systems/mapreduce/core/task"
	"dyno/systems/mapreduce/disk"
	"dyno/systems/mapreduce/ledger"
)

// left is what a trial that is invalid leaves in its bundle.
type left struct {
	Story story.Story `json:"story"`
}

// Explain tells what is wrong in the output, and whose it may be.
func Explain(bundle string, svg io.Writer) ([]string, error) {
	var l left
	if err := systems.ReadHistory(bundle, &l); err != nil {
		return nil, err
	}
	return l.Story.Tell(svg)
}

// maxTasks bounds the tasks in a picture.
const maxTasks = 4

// Names of lines.
const (
	masterLine = "master"
	readerLine = "dyno"
)

// given is an attempt as the master saw it.
type given struct {
	worker    string
	task      plan.Task
	got, told int64 // told 0: nobody heard of its end
}

// story tells what is wrong in the output, and shows how the tasks went that may
// have to do with it: those whose words they are, and those that were given out
// more than once.
func (r *outcome) story(jobName string, want *expectation) (s story.Story, err error) {
	var d difference
	if jobName == "wordcount" {
		d, err = r.differ(want)
	} else {
		d, err = r.wrongLines(jobName, want)
	}
	if err != nil {
		return s, err
	}
	s = story.Story{Title: d.title, Words: d.words, First: []string{readerLine, masterLine}}
	attempts := attemptsOf(r.witness.told)
	for i, a := range attempts {
		again := slices.ContainsFunc(attempts, func(b given) bool { return b.task == a.task && b.got != a.got })
		if again && a.task.Phase == plan.Map && !slices.Contains(d.tasks, a.task) && len(d.tasks) < maxTasks {
			d.tasks = append(d.tasks, attempts[i].task)
		}
	}
	last := r.witness.over
	for _, a := range attempts {
		if !slices.Contains(d.tasks, a.task) {
			continue
		}
		s.Messages = append(s.Messages, story.Message{From: masterLine, To: a.worker, Sent: a.got, Received: a.got, Text: a.task.String()})
		if a.told != 0 {
			done := story.Message{From: a.worker, To: masterLine, Sent: a.told, Received: a.told, Text: a.task.String() + " done"}
			s.Messages = append(s.Messages, done)
		}
	}
	for _, f := range r.witness.struck {
		s.Absences = append(s.Absences, story.Absence{Who: f.worker, From: f.at, Until: last, Text: f.kind})
	}
	s.Steps = []story.Step{{Who: readerLine, At: readerLine, Begin: last, End: last, Text: d.look, Outcome: record.OK, Broken: true}}
	s.Notes = []string{"(Moments are those at which the master gave out a task, or heard that it was done.)"}
	return s, nil
}

// attemptsOf reads the master's ledger.
func attemptsOf(text []byte) (all []given) {
	at := make(map[uint64]int)
	for _, e := range ledger.Read(text) {
		i, known := at[e.Attempt]
		switch {
		case e.Event == ledger.EventGot && !known:
			at[e.Attempt] = len(all)
			all = append(all, given{worker: e.Worker, task: plan.Task{Phase: e.Phase, Index: int(e.Task)}, got: e.At})
		case e.Event == ledger.EventTold && known && all[i].told == 0:
			all[i].told = e.At
		}
	}
	return all
}

// difference is what is wrong in an output.
type difference struct {
	title string
	words []string
	look  string      // what a reader sees, in a few words
	tasks []plan.Task // whose input it may be
}

// wrongLines is what the checks say, of jobs whose lines are no sums.
func (r *outcome) wrongLines(jobName string, want *expectation) (d difference, err error) {
	checks, _, err := want.check(jobName, r.config.Out, r.config.Reduces())
	d.title, d.look = "the output is not what the input says", "a wrong line"
	for _, c := range checks {
		if c.Status == record.Invalid {
			d.words = append(d.words, c.Name+": "+c.Detail)
		}
	}
	return d, err
}

// differ counts the words of the output and holds them against the input, word by
// word and map task by map task.
func (r *outcome) differ(want *expectation) (d difference, err error) {
	off := make(map[string]int64) // how many too many there are
	right := make(map[string]int64)
	for line := range want.lines {
		word, n := keyOf("wordcount", line)
		right[word], off[word] = n, -n
	}
	for x := range r.config.Reduces() {
		if err := ledger.EachLine(config.Layout{Out: r.config.Out}.Output(x), func(line string) {
			word, n := keyOf("wordcount", line)
			off[word] += n
		}); err != nil {
			return d, err
		}
	}
	var many, few int64
	for _, n := range off {
		many, few = many+max(n, 0), few+max(-n, 0)
	}
	if many+few == 0 {
		return r.wrongLines("wordcount", want) // keys in the wrong place or order
	}
	word := mostOff(off)
	d.look = fmt.Sprintf("%q %d times, not %d", clipped(word), right[word]+off[word], right[word])
	d.title = fmt.Sprintf("the output has %d words too many and lacks %d", many, few)
	d.words = []string{fmt.Sprintf("%q came out %d times, the input has it %d times; in all %d words too many, %d too few",
		clipped(word), right[word]+off[word], right[word], many, few)}
	sign, whole, kind := int64(1), many, "too many"
	if few > many {
		sign, whole, kind = -1, few, "that are missing"
	}
	index, covered, of, err := r.suspect(off, sign)
	if err != nil || covered == 0 {
		return d, err
	}
	d.tasks = []plan.Task{{Phase: plan.Map, Index: index}}
	d.words = append(d.words, fmt.Sprintf("of the %d words %s, %d could be among the %d of %v", whole, kind, covered, of, d.tasks[0]))
	return d, nil
}

// mostOff is the word whose count is furthest from what it should be, the first of
// several.
func mostOff(off map[string]int64) string {
	return slices.MinFunc(slices.Collect(maps.Keys(off)), func(a, b string) int {
		return cmp.Or(cmp.Compare(max(off[b], -off[b]), max(off[a], -off[a])), strings.Compare(a, b))
	})
}

// suspect is the map task whose words explain most of a difference, how much of
// it, and how many words it has.
func (r *outcome) suspect(off map[string]int64, sign int64) (index int, covered, of int64, err error) {
	splits, err := task.Splits(disk.Disk{}, r.config.Files, r.config.SplitBytes())
	if err != nil {
		return 0, 0, 0, err
	}
	texts := make(map[string][]byte)
	for i, split := range splits {
		text, known := texts[split.File]
		if !known {
			if text, err = os.ReadFile(split.File); err != nil {
				return 0, 0, 0, err
			}
			texts[split.File] = text
		}
		counts := make(map[string]int64)
		var n, all int64
		eachWord(text[split.Offset:split.Offset+split.Length], func(word []byte) { counts[string(word)]++; all++ })
		for word, c := range counts {
			n += min(c, max(sign*off[word], 0))
		}
		if n > covered {
			index, covered, of = i, n, all
		}
	}
	return index, covered, of, nil
}
