package evidence

import (
	"cmp"
	"fmt"
	"slices"

	"dyno/internal/record"
)

// Operations says which calls a trial's operations are, for the counts of both
// sides. A side that is not named is not asked.
type Operations struct {
	Method  string   // full name: "/package.Service/Method"; empty: that of the evidence
	Others  []string // further methods, where an operation is one of several
	Clients []string // roles that make them through interceptors of ours
	Servers []string // roles that answer them

	// Retried: a client may call more than once for one operation, so that the
	// counts of calls are bounds.
	Retried bool
	// Rerouted: what is one call for a client's counter may be tried at several
	// servers beneath it, so that only the servers' counts are bounds.
	Rerouted bool
	// Asked is how many calls the trial itself made at the servers, beside the
	// clients' (a question for a count is one).
	Asked int64
}

// Counts holds what became of all operations against what both sides of the
// calls counted beneath the code that reports it. A process that was killed
// took its counts with it: then its side proves nothing, and the other one must.
func Counts(ops Operations) record.Road {
	return road("the calls that both sides counted", func(_ string, o *record.Observation, e *record.Evidence) record.Check {
		ops := ops
		ops.Method = cmp.Or(ops.Method, e.Method)
		made, client := sum(e, ops.Clients, func(c *record.CallEvidence) record.Calls { return ops.of(c.Made) })
		served, server := sum(e, ops.Servers, func(c *record.CallEvidence) record.Calls { return ops.of(c.Served) })
		switch {
		case client || server:
		case len(named(e, ops.Clients))+len(named(e, ops.Servers)) == 0:
			return record.Check{} // another generator, of a service that is not ours
		default:
			return record.Doubt("", 0, "no side of %s told its counts", ops.Method)
		}
		n := o.Counts.Sent
		if client {
			if problem := ops.clients(o.Counts, made); problem != "" {
				return record.Fail("", n, "%s", problem)
			}
		}
		if server {
			served.OK -= ops.Asked
			if problem := ops.servers(o.Counts, served); problem != "" {
				return record.Fail("", n, "%s", problem)
			}
		}
		return record.Pass("", n)
	})
}

// of adds up the calls that operations make.
func (ops Operations) of(by map[string]record.Calls) record.Calls {
	total := by[ops.Method]
	for _, m := range ops.Others {
		total.OK += by[m].OK
		total.Failed += by[m].Failed
	}
	return total
}

// clients holds the counts against those of the calls as they left. An answer
// may still be a wrong one, so that fewer operations than calls are OK.
func (ops Operations) clients(c record.Counts, made record.Calls) string {
	calls := made.OK + made.Failed
	switch {
	case c.OK > made.OK:
		return fmt.Sprintf("%d operations are said to be OK, the clients' calls brought %d answers", c.OK, made.OK)
	case !ops.Retried && calls != c.Sent:
		return fmt.Sprintf("%d operations are said to be sent, the clients made %d calls", c.Sent, calls)
	case ops.Retried && calls < c.OK:
		return fmt.Sprintf("%d operations are said to be OK, the clients made %d calls", c.OK, calls)
	case !ops.Retried && made.OK > c.OK+c.Failed+c.Unknown:
		return fmt.Sprintf("the clients' calls brought %d answers, but %d operations are said to be OK, %d failed and %d unknown", made.OK,
			c.OK, c.Failed, c.Unknown)
	}
	return ""
}

// servers holds the counts against those of the calls as they came. What was
// answered may not have arrived.
func (ops Operations) servers(c record.Counts, served record.Calls) string {
	switch {
	case c.OK > served.OK:
		return fmt.Sprintf("%d operations are said to be OK, the servers answered %d", c.OK, served.OK)
	case !ops.Retried && !ops.Rerouted && served.OK > c.OK+c.Failed+c.Unknown:
		return fmt.Sprintf("the servers answered %d operations, but %d are said to be OK, %d failed and %d unknown", served.OK, c.OK, c.Failed,
			c.Unknown)
	}
	return ""
}

// Failures holds a scalar, operations that did not end well, against the calls
// that brought an error at the clients.
func Failures(ops Operations) record.Road {
	const text = "calls that brought the clients an error"
	return road(text, func(metric string, o *record.Observation, e *record.Evidence) record.Check {
		made, ok := sum(e, ops.Clients, func(c *record.CallEvidence) record.Calls { return c.Made[ops.Method] })
		if !ok {
			return record.Doubt("", 0, "the clients told no counts of %s", ops.Method)
		}
		return agree(o.Scalars[metric], float64(made.Failed), o.Counts.Sent, text)
	})
}

// named are the processes of some roles.
func named(e *record.Evidence, roles []string) (out []record.ProcessEvidence) {
	for _, p := range e.Processes {
		if slices.Contains(roles, p.Role) {
			out = append(out, p)
		}
	}
	return out
}

// sum adds up what processes of some roles told. ok is false when one of them
// told nothing, or there is none.
func sum(e *record.Evidence, roles []string, of func(*record.CallEvidence) record.Calls) (total record.Calls, ok bool) {
	for _, p := range named(e, roles) {
		if p.Calls == nil {
			return total, false
		}
		ok = true
		c := of(p.Calls)
		total.OK += c.OK
		total.Failed += c.Failed
	}
	return total, ok
}

// Bytes holds a scalar against the bytes that processes of some roles wrote to
// their sockets: the figure may be smaller by framing, never larger.
func Bytes(roles ...string) record.Road {
	return road("the sockets' own counters", func(metric string, o *record.Observation, e *record.Evidence) record.Check {
		var sent int64
		_, ok := sum(e, roles, func(c *record.CallEvidence) record.Calls {
			sent += c.SentB
			return record.Calls{}
		})
		if !ok {
			return record.Doubt("", 0, "a process of %v told nothing of its sockets", roles)
		}
		if got := o.Scalars[metric]; got > float64(sent) {
			return record.Fail("", sent, "reported %.8g, the sockets took %d bytes", got, sent)
		}
		return record.Pass("", max(sent, 1))
	})
}
