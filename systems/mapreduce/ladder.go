package mapreduce

import (
	"time"

	"dyno/systems"
)

// ladder is climbed by dyno check. The length of a rung is only its budget: a job
// takes as long as it takes.
var ladder = []systems.Rung{
	{
		Name: "speaks", Promise: "One worker counts the words of one small file.",
		Knobs:  map[string]string{"workers": "1", "reduces": "1", "files": "1", "input": "0.02", "distinct": "50"},
		Length: time.Second,
	},
	{
		Name: "alone", Promise: "One worker does several map and reduce tasks, of scripts and bytes of every kind.",
		Knobs:  map[string]string{"workers": "1", "reduces": "3", "files": "2", "input": "0.5"},
		Length: time.Second,
	},
	{
		Name: "two-workers", Promise: "Two workers at once share the tasks, and each is counted once.",
		Knobs:  map[string]string{"workers": "2", "reduces": "3", "files": "2", "input": "1", "split-size": "64"},
		Length: time.Second,
	},
	{
		Name: "jobs", Promise: "An inverted index comes out right, too.",
		Knobs:  map[string]string{"workers": "2", "job": "invertedindex", "input": "0.5"},
		Length: time.Second,
	},
	{
		Name: "load", Promise: "Four workers count several megabytes in tasks of little memory.",
		Knobs:  map[string]string{"workers": "4", "input": "4", "split-size": "256", "memory": "4"},
		Length: time.Second,
	},
	{
		Name: "slow", Promise: "A worker that is ten times slower than the others holds nobody up, and is not counted twice.",
		Knobs:  map[string]string{"workers": "3", "input": "2", "split-size": "64", "fault": "slow"},
		Length: time.Second,
	},
	{
		Name: "paused", Promise: "A worker that stands still and goes on is not counted twice.",
		Knobs:  map[string]string{"workers": "3", "input": "2", "split-size": "64", "fault": "pause"},
		Length: time.Second,
	},
	{
		Name: "killed", Promise: "The output of a worker that died is counted once: what is lost is done again.",
		Knobs:  map[string]string{"workers": "3", "input": "2", "split-size": "64", "fault": "kill"},
		Length: time.Second,
	},
	{
		Name: "costs", Promise: "How long a job takes, beside dyno's own workers.",
		Knobs:  map[string]string{"workers": "2", "input": "4"},
		Length: time.Second, Costs: []string{"wall_s"},
	},
}
