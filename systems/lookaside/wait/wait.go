// Package wait is how the parts of the look-aside system wait for each other:
// [Latest] is a value that may change.
package wait

import "sync"

// Latest holds a value that some goroutines set and others wait for. The zero
// value holds the zero T. It is safe for concurrent use.
type Latest[T comparable] struct {
	mu      sync.Mutex
	value   T
	changed chan struct{}
}

// Set replaces the value and wakes those who wait for another one.
func (l *Latest[T]) Set(v T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if v == l.value {
		return
	}
	l.value = v
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// Get returns the value and a channel that is closed once it is another one.
func (l *Latest[T]) Get() (T, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.value, l.changed
}
