package participant

import (
	"cmp"
	"slices"
	"time"

	"dyno/internal/splitmix"
	"dyno/systems/strife/core/tx"
)

// prepare promises legs, or does not.
func (p *Participant) prepare(now time.Duration, in tx.Prepare, e *Effects) {
	p.finished.raise(in.Low)
	end := p.finished.of(in.Tx)
	if p.doubts[in.Tx] != nil || end == committed { // it has voted: once more
		p.say(p.yes(in.Tx), e)
		return
	}
	d, reason := p.newDoubt(), tx.Stale
	if end == unheard && !in.Tx.Below(p.finished.low) {
		switch {
		case p.diskLow:
			reason = tx.Full
		case len(p.doubts) >= p.config.MaxPrepared:
			reason = tx.Busy
		default:
			d.legs, reason = p.accounts.check(d.room[:0], in.Legs)
		}
		if reason != tx.NoReason {
			p.finished.set(in.Tx, voted)
		}
	}
	if reason != tx.NoReason {
		p.recycle(d)
		e.Early = append(e.Early, ToGateway{tx.Vote{Bank: p.config.Bank, Tx: in.Tx, Reason: reason}})
		return
	}
	d.id, d.peers = in.Tx, in.Peers
	p.promise(d)
	p.write(p.preparedRecord(d), e)
	p.due(now, d)
	e.Send = append(e.Send, p.yes(in.Tx))
}

func (p *Participant) yes(id tx.ID) Out {
	return ToGateway{tx.Vote{Bank: p.config.Bank, Tx: id, Yes: true}}
}

// promise holds what legs need.
func (p *Participant) promise(d *doubt) {
	for _, l := range d.legs {
		p.accounts.hold(l, 1)
	}
	p.doubts[d.id] = d
}

// decide takes the gateway's decision.
func (p *Participant) decide(now time.Duration, in tx.Decide, e *Effects) {
	defer p.finished.raise(in.Low)
	if in.Commit {
		p.commit(now, in.Tx, e)
	} else {
		p.abort(in.Tx)
	}
}

// commit carries out what was promised, and acknowledges.
func (p *Participant) commit(now time.Duration, id tx.ID, e *Effects) {
	ack := tx.Ack{Bank: p.config.Bank, Tx: id}
	d := p.doubts[id]
	if d == nil {
		if p.finished.of(id) != committed && !id.Below(p.finished.low) { // nothing was promised, or an operator took it back
			p.damage++
			ack.Damage = true
		}
		p.say(ToGateway{ack}, e)
		return
	}
	p.post(d)
	p.lazy = append(p.lazy, idRecord(kindCommitted, id))
	p.acks = append(p.acks, ack)
	if p.config.Delay <= 0 {
		p.flush(e)
	} else if p.flushAt == 0 {
		p.flushAt = now + p.config.Delay
	}
}

// post carries out a promise.
func (p *Participant) post(d *doubt) {
	for _, l := range d.legs {
		p.accounts.post(l)
	}
	p.finished.set(d.id, committed)
	p.forget(d)
}

// abort takes a promise back, or keeps one from being given.
func (p *Participant) abort(id tx.ID) {
	switch d := p.doubts[id]; {
	case d != nil:
		p.release(d)
		p.lazy = append(p.lazy, idRecord(kindAborted, id))
	case p.finished.of(id) == committed:
		if p.resolved[id] { // an operator's word was another
			p.damage++
		}
	case !id.Below(p.finished.low):
		p.finished.set(id, aborted)
	}
}

// release takes a promise back.
func (p *Participant) release(d *doubt) {
	for _, l := range d.legs {
		p.accounts.hold(l, -1)
	}
	p.finished.set(d.id, aborted)
	p.forget(d)
}

func (p *Participant) forget(d *doubt) {
	delete(p.doubts, d.id)
	p.recycle(d)
}

func (p *Participant) recycle(d *doubt) {
	*d = doubt{}
	if len(p.spare) < 1000 {
		p.spare = append(p.spare, d)
	}
}

func (p *Participant) newDoubt() *doubt {
	if n := len(p.spare); n > 0 {
		d := p.spare[n-1]
		p.spare = p.spare[:n-1]
		return d
	}
	return &doubt{}
}

// due sets when to ask about a doubt.
func (p *Participant) due(now time.Duration, d *doubt) {
	wait := min(p.config.Inquire<<min(d.tries, 10), max(p.config.Inquire, p.config.InquireMost))
	chance := splitmix.Mix(p.config.Seed ^ splitmix.Mix(d.id.Number) ^ uint64(d.tries))
	d.due = now + wait/2 + time.Duration(chance%uint64(wait/2+1))
	p.agenda.Add(d.due, d.id)
}

// inquire asks the gateway, and when it has not answered before, the peers.
func (p *Participant) inquire(now time.Duration, d *doubt, e *Effects) {
	e.Early = append(e.Early, ToGateway{tx.Inquire{Bank: p.config.Bank, Tx: d.id}})
	if d.tries > 0 {
		for _, peer := range d.peers {
			e.Early = append(e.Early, ToBank{peer, tx.Ask{From: p.config.Bank, Tx: d.id}})
		}
	}
	d.tries++
	p.due(now, d)
}

func (p *Participant) inquireAll(now time.Duration, e *Effects) {
	for _, d := range p.inDoubt() {
		p.inquire(now, d, e)
	}
}

// asked answers a peer in doubt. What is not promised is refused for good.
func (p *Participant) asked(in tx.Ask, e *Effects) {
	state := tx.Aborted
	switch end := p.finished.of(in.Tx); {
	case p.doubts[in.Tx] != nil:
		state = tx.Prepared
	case end == committed:
		state = tx.Committed
	case end == aborted || in.Tx.Below(p.finished.low):
	default:
		p.finished.set(in.Tx, aborted)
		p.write(idRecord(kindRefused, in.Tx), e)
	}
	p.say(ToBank{in.From, tx.Told{From: p.config.Bank, Tx: in.Tx, State: state}}, e)
}

// told takes a peer's answer.
func (p *Participant) told(now time.Duration, in tx.Told, e *Effects) {
	if p.doubts[in.Tx] == nil {
		return
	}
	switch in.State {
	case tx.Committed:
		p.commit(now, in.Tx, e)
	case tx.Aborted:
		p.abort(in.Tx)
	}
}

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
