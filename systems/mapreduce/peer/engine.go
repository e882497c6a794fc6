package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/core/job"
)

// engine does one job its own way: by a function, or by a pipeline of programs
// that others wrote.
type engine struct {
	run    func(ctx context.Context, files []string, goroutines int, out io.Writer) error
	stages [][]string
	named  bool // the first stage is told the files' names; otherwise it reads the only one
	turned bool // it writes "count word"
}

// engines are all by job and name. Pipelines know ASCII letters only, in the C
// locale, in which they are fastest. mawk cannot sort: it has none for that job.
var engines = map[string]map[string]engine{
	job.Wordcount.Name: {
		config.EngineLimit:      {run: onFile(Limit)},
		config.EngineSequential: {run: sequentially},
		config.EngineCoreutils: {
			stages: [][]string{{"tr", "-cs", "A-Za-z", `\n`}, {"sort", threads}, {"uniq", "-c"}},
			turned: true,
		},
		config.EngineMawk: {
			stages: [][]string{
				{"mawk", `BEGIN { RS = "[^A-Za-z]+" } length($0) { n[$0]++ } END { for (w in n) print n[w], w }`},
				{"sort", "-k2"},
			},
			turned: true,
		},
	},
	job.Totalsort.Name: {
		config.EngineLimit:     {run: onFile(Sort)},
		config.EngineCoreutils: {stages: [][]string{{"sort", threads}}},
	},
	job.Invertedindex.Name: {
		config.EngineLimit: {run: Index},
		config.EngineCoreutils: {named: true, stages: [][]string{
			{"sh", "-c", `for f; do tr -cs A-Za-z '\n' <"$f" | sort -u ` + threads + ` | sed "/./!d;s|\$| $f|"; done`, "sh"},
			{"sort", threads},
			{"sed", `:a
$!N
s/^\([^ ]*\) \(.*\)\n\1 /\1 \2,/
ta
P
D`},
		}},
		config.EngineMawk: {named: true, stages: [][]string{
			{"mawk", `BEGIN { RS = "[^A-Za-z]+" } length($0) && last[$0] != FILENAME { last[$0] = FILENAME; n[$0] = n[$0] "," FILENAME }
END { for (w in n) print w, substr(n[w], 2) }`},
			{"sort"},
		}},
	},
}

// threads is how GNU sort is told on how many cores it may sort; [engine.pipe] says
// how many there are.
const threads = "--parallel=CORES"

// Check says whether an engine does a job, over so many files.
func Check(jobName, name string, files int) error {
	switch _, ok := engines[jobName][name]; {
	case !ok:
		return fmt.Errorf("%s does %s, not %s", name, strings.Join(jobsOf(name), ", "), jobName)
	case files > 1 && jobName != job.Invertedindex.Name:
		return fmt.Errorf("%s does %s over one file", name, jobName)
	}
	return nil
}

func jobsOf(name string) (jobs []string) {
	for _, j := range slices.Sorted(maps.Keys(engines)) {
		if _, ok := engines[j][name]; ok {
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// onFile does with the only file what a function does with a text.
func onFile(do func(context.Context, io.ReaderAt, int64, int, io.Writer) error) func(context.Context, []string, int, io.Writer) error {
	return func(ctx context.Context, files []string, goroutines int, out io.Writer) error {
		in, err := os.Open(files[0])
		if err != nil {
			return err
		}
		defer in.Close()
		info, err := in.Stat()
		if err != nil {
			return err
		}
		return do(ctx, in, info.Size(), goroutines, out)
	}
}

func sequentially(ctx context.Context, files []string, _ int, out io.Writer) error {
	in, err := os.Open(files[0])
	if err != nil {
		return err
	}
	defer in.Close()
	return Sequential(ctx, in, out)
}

// pipe runs the engine's programs on so many cores, as far as they let themselves be
// told.
func (e engine) pipe(ctx context.Context, files []string, cores int, out io.Writer) (peakBytes int64, err error) {
	told := strings.NewReplacer("CORES", strconv.Itoa(cores))
	var stages [][]string
	for _, s := range e.stages {
		var words []string
		for _, word := range s {
			words = append(words, told.Replace(word))
		}
		stages = append(stages, words)
	}
	if e.named {
		stages[0] = slices.Concat(stages[0], files)
		return pipeline(ctx, stages, nil, out)
	}
	in, err := os.Open(files[0])
	if err != nil {
		return 0, err
	}
	defer in.Close()
	return pipeline(ctx, stages, in, out)
}

// pipeline runs commands, each reading what the one before writes, and returns
// the most memory that one of them held. The first reads the file itself, so
// that nobody's copying is measured; all are killed if this process is.
func pipeline(ctx context.Context, stages [][]string, in io.Reader, out io.Writer) (peakBytes int64, err error) {
	runtime.LockOSThread() // the kernel ends them when the thread ends that started them
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var cmds []*exec.Cmd
	var held []io.Closer // ends of pipes that the commands have too
	for i, s := range stages {
		c := exec.CommandContext(ctx, s[0], s[1:]...)
		c.Env = append(os.Environ(), "LC_ALL=C")
		c.Stdin, c.Stdout, c.Stderr = in, out, os.Stderr
		c.SysProcAttr = tied()
		if i+1 < len(stages) {
			r, w, pipeErr := os.Pipe()
			if err = pipeErr; err != nil {
				break
			}
			held = append(held, r, w)
			c.Stdout, in = w, r
		}
		if err = c.Start(); err != nil {
			break
		}
		cmds = append(cmds, c)
	}
	if err != nil {
		cancel()
	}
	for _, h := range held { // until then nobody sees the end
		err = errors.Join(err, h.Close())
	}
	for _, c := range cmds {
		err = errors.Join(err, c.Wait())
		if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peakBytes = max(peakBytes, u.Maxrss<<10)
		}
	}
	return peakBytes, err
}

// pair is an emitted word with its value, as text: the course's jobs know no
// other kind.
type pair struct{ key, value string }

// Sequential counts words the way the sequential reference of MIT's course
// 6.824 describes it: read everything, split it into words, keep a pair
// (word, "1") for each, sort the pairs by word, hand each run of equal words
// to reduce, which counts them. It needs memory for all pairs at once.
func Sequential(ctx context.Context, in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	var pairs []pair
	for _, word := range strings.FieldsFunc(string(text), func(r rune) bool { return !unicode.IsLetter(r) }) {
		pairs = append(pairs, pair{word, "1"})
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	slices.SortFunc(pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	w := bufio.NewWriter(out)
	for i := 0; i < len(pairs); {
		j := i
		var values []string
		for j < len(pairs) && pairs[j].key == pairs[i].key {
			values = append(values, pairs[j].value)
			j++
		}
		_, _ = fmt.Fprintf(w, "%s %d\n", pairs[i].key, len(values)) // Flush returns the error
		i = j
	}
	return w.Flush()
}
