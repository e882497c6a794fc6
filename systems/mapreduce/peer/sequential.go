package peer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

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
