package stats

import (
	"cmp"
	"math"
	"slices"
)

// SignedRank tests whether values lie above 0: it returns the probability that
// values which are symmetric about 0, however they are distributed, have a
// Wilcoxon signed-rank sum at least as large. The probability is exact, ties
// included, up to 60 values, and that of the normal distribution beyond. A value
// of 0 counts as one below. n values give at least 2^-n, and none give 1.
func SignedRank(values []float64) float64 {
	ranks := doubledRanks(values)
	sum, total, squares := 0, 0, 0.0
	for i, r := range ranks {
		total += r
		squares += float64(r) * float64(r)
		if values[i] > 0 {
			sum += r
		}
	}
	if len(values) > exact {
		deviations := (float64(sum) - 1 - float64(total)/2) / math.Sqrt(squares/4)
		return math.Erfc(deviations/math.Sqrt2) / 2
	}
	return tail(ranks, sum, total)
}

// exact is the greatest sample whose signed-rank sums are counted out.
const exact = 60

// symmetric bounds the median of two to [exact] values by the signed-rank test:
// it lies between Lo and Hi with the confidence returned, at least [Level] from
// [leastBlocks] values on, if they are symmetric about it, however they are
// distributed. The bounds are those of the means of all pairs, each value with
// itself included, that the test leaves (Hodges and Lehmann).
func symmetric(values []float64) (lo, hi, confidence float64) {
	var means []float64
	ranks := make([]int, len(values))
	for i, v := range values {
		ranks[i] = i + 1
		for _, w := range values[:i+1] {
			means = append(means, v/2+w/2)
		}
	}
	slices.Sort(means)
	outside, cut := 0.0, 0
	for i, p := range chances(ranks, len(means)) {
		if 2*(outside+p) > 1-Level && i > 0 {
			break
		}
		outside, cut = outside+p, i
	}
	return means[cut], means[len(means)-1-cut], 1 - 2*outside
}

// tail is the probability that ranks with fair signs add up to sum at least.
func tail(ranks []int, sum, total int) float64 {
	chance, p := chances(ranks, total), 0.0
	for s := total; s >= sum; s-- { // the small ones first
		p += chance[s]
	}
	return min(p, 1)
}

// chances[s] is the probability that the ranks with a positive sign add up to s
// when every sign is a fair coin.
func chances(ranks []int, total int) []float64 {
	chance := make([]float64, total+1)
	chance[0] = 1
	reached := 0
	for _, r := range ranks {
		reached += r
		for s := reached; s >= 0; s-- {
			chance[s] /= 2
			if s >= r {
				chance[s] += chance[s-r] / 2
			}
		}
	}
	return chance
}

// doubledRanks ranks values by size without sign, from 2 on in steps of 2;
// equal ones share the mean of their ranks, which doubling keeps whole.
func doubledRanks(values []float64) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(math.Abs(values[a]), math.Abs(values[b])) })
	ranks := make([]int, len(values))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && math.Abs(values[order[j]]) == math.Abs(values[order[i]]) {
			j++
		}
		for _, k := range order[i:j] {
			ranks[k] = i + 1 + j
		}
		i = j
	}
	return ranks
}

// Holm adjusts the p-values of a family of tests: to call those at most α
// significant is wrong of any of them with a probability of α at most, however
// the tests depend on each other (Holm's step-down form of Bonferroni).
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	out := make([]float64, len(p))
	worst := 0.0
	for i, k := range order {
		worst = max(worst, min(1, p[k]*float64(len(p)-i)))
		out[k] = worst
	}
	return out
}
