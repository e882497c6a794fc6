// Package experiments reads experiment files, plans their trials and runs
// them.
//
// An experiment is one YAML file in this folder (or anywhere, given by path):
// the question, the system, the cells, the scales, and how the answer is
// shown. [Catalog.Load] reads it strictly: an unknown key, knob or level is an
// error with file and line. [NewPlan] turns it into blocks, each of which runs
// every core cell once in a random order; [Runner] measures one trial after
// the other with fresh processes and appends each to trials.jsonl, synced
// before the next one starts.
//
// The package knows the contract of the systems, never one of them.
package experiments
