package job

// Wordcount counts how often each word occurs.
var Wordcount = Job{
	Name:    "wordcount",
	Summary: "how often each word occurs: lines \"word count\"",
	New: func(map[string]string) (Program, error) {
		return Program{
			Map: func(in Input, out *Emitter) {
				for w := (words{block: in.Block}); w.next(); {
					out.Number(w.word, 1)
				}
			},
			Combine: sum,
			Reduce: func(key []byte, values *Values, out *Output) {
				out.Number(key, total(values))
			},
			Cut: cutWords,
		}, nil
	},
}

func sum(a, b uint64) uint64 { return a + b }

// total adds up all numbers of a key.
func total(values *Values) (n uint64) {
	for v, ok := values.Number(); ok; v, ok = values.Number() {
		n += v
	}
	return n
}
