package lookasidegrpc

import "sync/atomic"

// answersPerRetry is how many answers earn a retry.
const answersPerRetry = 5

// budget bounds retries, so that clients of an overloaded service do not double
// its load: a bucket that starts full, pays for each retry, and is refilled by
// answers.
type budget struct {
	most  int64         // in fifths of a retry, as all counts here
	spent *atomic.Int64 // 0 to most
}

func newBudget(retries int) budget {
	return budget{most: int64(retries) * answersPerRetry, spent: new(atomic.Int64)}
}

// answered refills. It is cheap while the bucket is full, as it mostly is.
func (b budget) answered() {
	if n := b.spent.Load(); n > 0 {
		b.spent.CompareAndSwap(n, n-1) // lost to another one now and then
	}
}

// take pays for a retry, if there is enough.
func (b budget) take() bool {
	if b.spent.Add(answersPerRetry) <= b.most {
		return true
	}
	b.spent.Add(-answersPerRetry)
	return false
}
