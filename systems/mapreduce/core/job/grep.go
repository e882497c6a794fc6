package job

import (
	"fmt"
	"regexp"
)

// Grep keeps the lines that match a pattern, as often as they occur.
var Grep = Job{
	Name:    "grep",
	Summary: "the lines that match --pattern, as often as they occur",
	Args:    []Arg{{Name: "pattern", Help: "a regular expression in Go's syntax", Required: true}},
	New: func(args map[string]string) (Program, error) {
		re, err := regexp.Compile(args["pattern"])
		if err != nil {
			return Program{}, fmt.Errorf("--pattern: %w", err)
		}
		return Program{
			Map: func(in Input, out *Emitter) {
				for l := (lines{block: in.Block}); l.next(); {
					if re.Match(l.line) {
						out.Number(l.line, 1)
					}
				}
			},
			Combine: sum,
			Reduce:  repeat,
		}, nil
	},
}
