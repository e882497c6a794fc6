// Package report turns stored results into everything a reader sees: plots,
// tables, REPORT.md, report.html and the export for benchstat.
//
// It is a pure function of what is stored. [Load] reads
// results/EXPERIMENT/run.json and trials.jsonl, [Build] makes the files in
// memory, [Write] puts them in place and [Stale] tells which of those in place
// are out of date. Nothing is measured here, no system is needed, and the same
// results give the same bytes.
//
// Only valid trials become numbers. The others are listed with their reasons;
// a number that cannot be given is replaced by the words why.
//
// A system writes its section as a text/template in which
//
//	{{with experiment "lb-policies"}} … {{else}} not run {{end}}
//
// yields an [Experiment], whose methods give figures, tables and numbers.
package report
