package sim

import "math/rand/v2"

// run handles all events up to the moment until.
func (w *World) run(until int64) error {
	if w.running {
		return misused("a run is called while the world runs")
	}
	w.running, w.halted = true, false
	defer func() { w.running = false }()
	w.start()
	for w.err == nil && !w.halted && w.queue.len() > 0 {
		at := w.queue.keys[0].at
		if at > until {
			break
		}
		e := w.queue.pop()
		if w.void(&e) {
			continue
		}
		if at > int64(w.cfg.Limits.Time) {
			w.over("Time", w.cfg.Limits.Time)
			break
		}
		if w.cfg.Branch.At > 0 && !w.forked && at > int64(w.cfg.Branch.At) {
			w.fork()
		}
		w.now = at
		if w.count() {
			w.handle(&e)
		}
	}
	return w.err
}

// start brings up the nodes that were added since the last run, and then
// schedules the faults of the configuration.
func (w *World) start() {
	for w.err == nil && w.started < len(w.nodes) {
		n := w.nodes[w.started]
		w.started++
		w.boot(n)
	}
	if w.err == nil && !w.armed {
		w.armed = true
		for _, f := range w.cfg.Faults {
			if err := w.Inject(f); err != nil {
				w.stop(err)
				return
			}
		}
	}
}

// boot begins a life.
func (w *World) boot(n *node) {
	n.life++
	e := &Env{w: w, n: n, pcg: stream(w.seed, "node", n.id, n.life)}
	e.rng = rand.New(e.pcg)
	e.disk.env = e
	n.env, n.node = e, n.make()
	if n.node == nil {
		w.stop(misused("the start function of %s returned nil", n.name))
		return
	}
	w.note(Moment{What: "start", Node: n.id})
	n.node.Init(e)
}

// void reports whether an event was meant for a life that has ended, or is
// the end of a fault that EndFaults has ended.
func (w *World) void(e *event) bool {
	switch e.what {
	case timer, synced:
		return e.life != w.nodes[e.node].life
	case begins, ends:
		return e.tag < uint64(w.ended)
	}
	return false
}

// count admits one more event, or ends the run.
func (w *World) count() bool {
	if w.stats.Events >= uint64(w.cfg.Limits.Events) {
		w.over("Events", w.cfg.Limits.Events)
		return false
	}
	w.stats.Events++
	return true
}

// schedule puts an event into the queue, or ends the run if that is full.
func (w *World) schedule(at int64, e event) TimerID {
	if w.err != nil {
		return 0
	}
	if w.queue.len()+w.waiting >= w.cfg.Limits.Pending {
		w.over("Pending", w.cfg.Limits.Pending)
		return 0
	}
	return w.queue.push(at, e)
}

func (w *World) handle(e *event) {
	switch e.what {
	case delivery:
		w.arrive(e)
	case timer:
		w.notify(w.nodes[e.node], e)
	case synced:
		w.nodes[e.node].store.finish(e)
		w.note(Moment{What: "synced", Node: e.node, Failed: e.failed})
		e.what = notice
		w.notify(w.nodes[e.node], e)
	case begins:
		w.begin(int(e.tag))
	case ends:
		w.end(int(e.tag))
	}
}

// notify tells a node, which is up, of a timer or a finished sync: now, or
// when it is resumed.
func (w *World) notify(n *node, e *event) {
	if n.paused() {
		n.backlog = append(n.backlog, *e)
		w.waiting++
		return
	}
	if e.what == timer {
		if w.cfg.Trace {
			w.traceNumber(n, "timer", e.tag)
		}
		n.node.Timer(e.tag)
		return
	}
	var err error
	verb := "synced"
	if e.failed {
		err, verb = ErrSync, "sync-failed"
	}
	if w.cfg.Trace {
		w.traceNumber(n, verb, e.tag)
	}
	n.node.(Syncer).Synced(e.tag, err) // Disk.Sync has made sure that it is one
}

// drain has a node that was resumed take what happened meanwhile, in order,
// before anything else happens anywhere.
func (w *World) drain(n *node) {
	for i := 0; i < len(n.backlog) && w.err == nil && !n.paused(); i++ {
		e := n.backlog[i]
		n.backlog[i] = event{}
		if e.what == nothing || !w.count() {
			continue
		}
		if e.what == delivery {
			w.deliver(n, &e)
		} else {
			w.notify(n, &e)
		}
	}
	w.waiting -= len(n.backlog)
	n.backlog = n.backlog[:0]
}
