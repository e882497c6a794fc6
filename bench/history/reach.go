package history

import "slices"

// Bounds of reach.
const (
	maxSums = 1 << 17 // totals kept one by one: some 10 ms
	maxWork = 1 << 17 // words touched when totals are bits: some 0.1 ms
)

// reach tells whether some of the amounts add up to target. It is exact, and
// cheap as long as the amounts are small or few: up to maxWork it costs a bit
// per possible total and amount. Beyond, totals are kept one by one, and with
// more than maxSums of them it is undecided.
func reach(amounts []int64, target sum) answer {
	// Leaving a negative amount out is adding its absolute value to the sum of
	// all negative ones. So every choice is to add something positive, or not.
	var all sum
	steps := make([]sum, 0, len(amounts))
	for _, a := range amounts {
		step := sumOf(a)
		if a < 0 {
			target = target.minus(step)
			step = sum{}.minus(step)
		}
		if step != (sum{}) {
			steps, all = append(steps, step), all.plus(step)
		}
	}
	if rest := all.minus(target); rest.less(target) {
		target = rest // leave out what adds up to the rest
	}
	switch n, fits := target.int64(); {
	case target.hi < 0:
		return illegal
	case target == sum{}:
		return legal
	case fits && (n/64+1) <= maxWork/int64(len(steps)):
		return reachBits(steps, n)
	default:
		return reachSums(steps, target, all)
	}
}

// reachBits keeps the totals up to target as bits.
func reachBits(steps []sum, target int64) answer {
	totals := make([]uint64, target/64+1)
	totals[0] = 1
	for _, step := range steps {
		n, fits := step.int64()
		if !fits || n > target {
			continue
		}
		words, shift := int(n/64), uint(n%64)
		for i := len(totals) - 1; i >= words; i-- { // downwards: reads only what was not yet written
			moved := totals[i-words] << shift
			if shift > 0 && i > words {
				moved |= totals[i-words-1] >> (64 - shift)
			}
			totals[i] |= moved
		}
	}
	if totals[target/64]>>(target%64)&1 == 1 {
		return legal
	}
	return illegal
}

// reachSums keeps the totals from which the target is still within reach. The
// largest steps come first: they leave the fewest.
func reachSums(steps []sum, target, all sum) answer {
	slices.SortFunc(steps, func(a, b sum) int {
		switch {
		case b.less(a):
			return -1
		case a.less(b):
			return 1
		}
		return 0
	})
	totals := map[sum]struct{}{{}: {}}
	for _, step := range steps {
		all = all.minus(step)
		next := make(map[sum]struct{}, 2*len(totals))
		for t := range totals {
			for _, t := range [2]sum{t, t.plus(step)} {
				if !target.less(t) && !t.plus(all).less(target) {
					next[t] = struct{}{}
				}
			}
		}
		if totals = next; len(totals) > maxSums {
			return undecided
		}
	}
	if len(totals) > 0 { // nothing is left to add, so what remains is the target
		return legal
	}
	return illegal
}
