package worker

import (
	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems"
)

// contract is what a program must do that stands in for a worker. It serves no
// health: it is there when it says hello to the master.
var contract = &systems.Contract{
	Calls: []systems.Call{
		{
			Method: mapreducev1.MasterService_Work_FullMethodName,
			Does: "Is called by the worker, at the address of `--master`: it says hello, asks for a task, reports how it went, and asks again, " +
				"with a beat now and then, until the master ends the stream.",
		},
		{
			Method: mapreducev1.ShuffleService_Fetch_FullMethodName,
			Does:   "Streams one run of a map task to a reduce task, where the shuffle is `stream`; with `files` nobody calls it.",
		},
	},
	Promises: []string{
		"A task is done as `Work` describes it: a map task leaves one sorted run per reduce task in `--dir`, a reduce task merges one run of " +
			"every map task and writes its output.",
		"The output is what a sequential run of the same job writes, byte by byte, whatever befalls a worker meanwhile.",
		"A task may be handed out twice: runs and outputs appear whole, under names of their attempt, so that one of the two counts.",
		"A word is what Unicode calls letters and digits in a row, in lower case; bytes that are not UTF-8 separate words.",
	},
	Term: "It ends; its task is another worker's from then on.",
	Kill: "The runs of map tasks that were reported as done, as long as reduce tasks may ask for them; what is lost is done again.",
}
