// Package shrink finds the small part of something that still fails.
package shrink

// List leaves items out of a list that breaks a promise, halves of it first and
// single items last (delta debugging, Zeller and Hildebrandt 2002), until no
// single one can go. A list of which no part breaks anything comes back whole. The
// items given are not changed; breaks must not keep what it is handed. For n
// items of which k matter it asks about k·log n times, n² at worst.
func List[S ~[]T, T any](items S, breaks func(S) bool) S {
	best := items
	for chunk := len(best); chunk > 0; {
		smaller := false
		for i := 0; i < len(best); {
			end := min(i+chunk, len(best))
			if candidate := append(best[:i:i], best[end:]...); breaks(candidate) {
				best, smaller = candidate, true
			} else {
				i = end
			}
		}
		switch {
		case chunk > 1:
			chunk = min(chunk/2, max(len(best), 1))
		case !smaller:
			return best
		}
	}
	return best
}
