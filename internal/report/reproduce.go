package report

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"strings"
)

// Reproduce shows the commands that make everything again.
func (o *overview) Reproduce() string {
	measure, out := []string{"dyno", "run"}, ""
	for i, r := range o.store.Results {
		if i == 0 {
			out = r.Run.Out
		}
		if r.Run.Out != out {
			measure, out = measure[:2], "" // results from several places: each says below how it was made
			break
		}
		if out != "" {
			measure = append(measure, r.name())
		}
	}
	scale := "full"
	if len(measure) > 2 {
		scale = o.store.Results[0].Run.Scale
	}
	return shell([][2]string{
		{"dyno list", "systems, their knobs, the experiments and their questions"},
		{command(append(measure, "--scale", scale)...) + outFlag(out), "measures what this build has not"},
		{"dyno report" + outFlag(out), "draws what is stored; measures nothing"},
		{"dyno report --check" + outFlag(out), "exit code 1 when this report does not match what is stored"},
	})
}

// Reproduce shows the commands that make the experiment again.
func (e *Experiment) Reproduce() string {
	text := shell([][2]string{
		{
			command("dyno", "run", e.name(), "--scale", e.Run.Scale, "--seed", fmt.Sprint(e.Run.Seed)) + outFlag(e.Run.Out),
			"measures what this build has not, of " + plural(int64(e.Run.Planned), "trial"),
		},
		{"dyno report" + outFlag(e.Run.Out), "draws again what is stored; measures nothing"},
		{e.benchstat(), "compares the valid trials"},
	})
	if len(e.Run.Command) > 0 {
		text += fmt.Sprintf("\nThe stored run was started as `%s`.", strings.ReplaceAll(strings.Join(e.Run.Command, " "), "`", "'"))
	}
	return text
}

// name is what dyno run calls the experiment: its file, unless it is built in.
func (r *Result) name() string { return cmp.Or(r.Run.File, r.Run.Experiment.Name) }

// benchstat is a command that prints a table of the export: the first swept
// knob across, the second down.
func (e *Experiment) benchstat() string {
	words := []string{"benchstat"}
	for i, knob := range sweptKnobs(&e.Run.Experiment) {
		if i < 2 {
			words = append(words, []string{"-col", "-row"}[i], "/"+knob)
		}
	}
	return command(append(words, path.Join(filepath.ToSlash(e.Run.Out), exportPath(e.Name())))...)
}

// shell is a block of commands, each with what it does.
func shell(lines [][2]string) string {
	wide := 0
	for _, l := range lines {
		wide = max(wide, len(l[0]))
	}
	var b strings.Builder
	b.WriteString("```sh\n")
	for _, l := range lines {
		fmt.Fprintf(&b, "%-*s   # %s\n", wide, l[0], l[1])
	}
	b.WriteString("```\n")
	return b.String()
}

// plain is what a shell takes as it stands.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=,:+@%"

// command is a line that a shell reads as these words.
func command(words ...string) string {
	for i, w := range words {
		if w == "" || strings.Trim(w, plain) != "" {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// outFlag names a folder of results, but for the one that commands take anyway.
func outFlag(out string) string {
	if out == "" {
		return ""
	}
	return " " + command("--out", out)
}
