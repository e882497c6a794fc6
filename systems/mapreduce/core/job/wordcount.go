package job

// Wordcount counts how often each word occurs.
var Wordcount = Job{
	Name:    "wordcount",
	Summary: "how often each word occurs: lines \"word count\"",
	New: func(map[string]string) (Program, error) {
		w := new(words)
		return Program{
			Map: func(in Input, out *Emitter) {
				for w.reset(in.Block); w.fill(); {
					out.parts(in.Block, w.edges[:w.n], 1, nil)
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
