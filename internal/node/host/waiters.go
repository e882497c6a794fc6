package host

import (
	"context"
	"slices"
	"sync"
)

// Waiters are calls that wait for an output of a core, by what tells which: an
// operation's name, for example. The zero value is ready; it is safe for
// concurrent use.
type Waiters[K comparable, V any] struct {
	mu      sync.Mutex
	waiting map[K][]chan V
}

// Await calls begin, which has the core take in what it is to answer, and waits
// for the next Tell of the key, or for the end of the context. An error of begin
// is returned.
func (w *Waiters[K, V]) Await(ctx context.Context, key K, begin func() error) (answer V, err error) {
	told := make(chan V, 1)
	w.mu.Lock()
	if w.waiting == nil {
		w.waiting = make(map[K][]chan V)
	}
	w.waiting[key] = append(w.waiting[key], told)
	w.mu.Unlock()
	if err = begin(); err == nil {
		select {
		case answer = <-told:
			return answer, nil
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	w.leave(key, told)
	return answer, err
}

func (w *Waiters[K, V]) leave(key K, told chan V) {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := slices.DeleteFunc(w.waiting[key], func(c chan V) bool { return c == told })
	if w.waiting[key] = left; len(left) == 0 {
		delete(w.waiting, key)
	}
}

// Tell answers all who wait for a key.
func (w *Waiters[K, V]) Tell(key K, answer V) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, told := range w.waiting[key] {
		told <- answer
	}
	delete(w.waiting, key)
}
