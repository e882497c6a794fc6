package participant

import (
	"cmp"
	"slices"

	"dyno/systems/strife/core/tx"
)

// finished remembers how transactions ended: two bits for each number, in pages
// of 4,096 numbers, so that a million take a quarter of a megabyte where all of
// them concern the bank, and some more where few do.
type finished struct {
	pages map[pageKey]*page
	low   tx.ID // everything below is over everywhere
}

type pageKey struct {
	gateway, epoch uint32
	number         uint64
}

type page [pageNumbers / 4]byte

const pageNumbers = 4096

// end is how a transaction ended, as far as this bank knows.
type end byte

const (
	unheard   end = iota
	committed     // durably, or about to be
	aborted       // by the gateway, or refused durably: it is never committed
	voted         // no: without a record, so that it binds nobody
)

func keyOf(id tx.ID) pageKey { return pageKey{id.Gateway, id.Epoch, id.Number / pageNumbers} }

func (f *finished) of(id tx.ID) end {
	p := f.pages[keyOf(id)]
	if p == nil {
		return unheard
	}
	n := id.Number % pageNumbers
	return end(p[n/4] >> (n % 4 * 2) & 3)
}

func (f *finished) set(id tx.ID, to end) {
	key := keyOf(id)
	p := f.pages[key]
	if p == nil {
		p = &page{}
		f.pages[key] = p
	}
	n := id.Number % pageNumbers
	shift := n % 4 * 2
	p[n/4] = p[n/4]&^(3<<shift) | byte(to)<<shift
}

// raise raises the low mark, and forgets the pages below it.
func (f *finished) raise(low tx.ID) {
	if low == (tx.ID{}) || f.low.Gateway == low.Gateway && !f.low.Below(low) {
		return
	}
	old := keyOf(f.low)
	f.low = low
	if keyOf(low) == old {
		return
	}
	for key := range f.pages {
		last := tx.ID{Gateway: key.gateway, Epoch: key.epoch, Number: key.number*pageNumbers + pageNumbers - 1}
		if last.Below(low) {
			delete(f.pages, key)
		}
	}
}

// keys are the pages in order.
func (f *finished) keys() []pageKey {
	keys := make([]pageKey, 0, len(f.pages))
	for key := range f.pages {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b pageKey) int {
		return cmp.Or(cmp.Compare(a.gateway, b.gateway), cmp.Compare(a.epoch, b.epoch), cmp.Compare(a.number, b.number))
	})
	return keys
}
