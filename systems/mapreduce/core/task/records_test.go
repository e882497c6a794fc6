package task_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"dyno/systems/mapreduce/core/job"
)

// everyKind is text whose words are of all kinds that a reduce task may treat
// differently: short and long, of all first and last letters, of several
// scripts, alike in their first bytes, in one map task and in all, once and
// hundreds of times.
func everyKind(rng *rand.Rand) []oracleFile {
	var words []string
	for length := 1; length <= 40; length++ {
		for range 12 {
			word := make([]byte, length)
			for i := range word {
				word[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[rng.IntN(52)]
			}
			words = append(words, string(word), "prefixes"+string(word))
		}
	}
	for _, r := range "éßжωλ中文字𐌰𐌱" {
		for n := 1; n < 20; n++ {
			words = append(words, strings.Repeat(string(r), n), strings.Repeat(string(r), n)+"a")
		}
	}
	words = append(words, strings.Repeat("long", 5000), strings.Repeat("long", 5000)+"er", strings.Repeat("é", 9000))
	var body strings.Builder
	for _, w := range words {
		times := rng.IntN(1 << rng.IntN(8))
		if len(w) > 1000 {
			times = 3
		}
		for range times {
			words = append(words, w)
		}
	}
	rng.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	for i, w := range words {
		body.WriteString(w)
		body.WriteByte(" \n"[i%7/6])
	}
	all := body.String()
	cut := strings.LastIndexByte(all[:len(all)/3], '\n') + 1
	return []oracleFile{{"one", all[:cut]}, {"two", all[cut:]}}
}

// Every record of every kind of key reaches its reduce call: with many runs and
// few, combined and not, merged in one pass and in several. A function that
// leaves out one record of each key of a kind shows that there are such keys.
func TestEveryRecordIsReduced(t *testing.T) {
	files := everyKind(rand.New(rand.NewPCG(1, 2)))
	counts := map[string]int{}
	for _, f := range files {
		for _, w := range oracleWords(f.body) {
			counts[w]++
		}
	}
	want := oracle("wordcount", "", files, 3)
	for _, p := range []plan{
		{split: 20_000},
		{split: 20_000, combine: true, fanIn: 2},
		{split: 1 << 30, combine: true},
		{split: 3000, fanIn: 16, redMemory: 1},
		{split: 60_000, mapMemory: 1},
	} {
		p.job, p.files, p.reduces = "wordcount", files, 3
		if got, _, err := p.run(t.Context(), newMemory()); err != nil || !slices.Equal(got, want) {
			t.Errorf("split %d, combine %t, fan in %d: %v, and not what the oracle says", p.split, p.combine, p.fanIn, err)
		}
	}
	for name, kind := range kinds(counts) {
		p := plan{job: "wordcount", files: files, reduces: 3, split: 60_000, combine: true, edit: func(prog *job.Program) {
			whole := prog.Reduce
			prog.Reduce = func(key []byte, values *job.Values, out *job.Output) {
				if kind(string(key)) {
					_, _ = values.Number()
				}
				whole(key, values, out)
			}
		}}
		if got, _, err := p.run(t.Context(), newMemory()); err != nil || slices.Equal(got, want) {
			t.Errorf("%s: %v; a record of each such key was dropped, and nothing shows it", name, err)
		}
	}
}

// kinds are of keys, by what a mistake might depend on.
func kinds(counts map[string]int) map[string]func(string) bool {
	all := map[string]func(string) bool{
		"not ASCII":       func(k string) bool { return k[0] >= 0x80 },
		"longer than 255": func(k string) bool { return len(k) > 255 },
		"prefix of 8":     func(k string) bool { return strings.HasPrefix(k, "prefixes") },
		"only once":       func(k string) bool { return counts[k] == 1 },
		"more than 16":    func(k string) bool { return counts[k] > 16 },
		"more than 60":    func(k string) bool { return counts[k] > 60 },
	}
	for n := range 16 {
		all[fmt.Sprintf("length %d mod 16", n)] = func(k string) bool { return len(k)%16 == n }
	}
	for n := range 8 {
		all[fmt.Sprintf("first byte %d mod 8", n)] = func(k string) bool { return int(k[0])%8 == n }
		all[fmt.Sprintf("last byte %d mod 8", n)] = func(k string) bool { return int(k[len(k)-1])%8 == n }
		all[fmt.Sprintf("count %d mod 8", n)] = func(k string) bool { return counts[k]%8 == n }
	}
	return all
}
