package trial

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/lookaside/check"
	"dyno/systems/lookaside/client"
)

// Summary is what the demo prints. Scripts rely on the names and their order.
type Summary struct {
	Policy       string          `json:"policy"`
	Clients      int             `json:"clients"`
	Sent         int64           `json:"sent"`
	OK           int64           `json:"ok"`
	Refused      int64           `json:"refused"`
	Failed       int64           `json:"failed"`
	Unknown      int64           `json:"unknown"`
	Throughput   float64         `json:"throughput"` // right answers per second while clients sent
	P50          float64         `json:"p50_ms"`
	P99          float64         `json:"p99_ms"`
	JainRequests float64         `json:"jain_requests"`
	JainBusy     float64         `json:"jain_busy"`
	Servers      []serverSummary `json:"servers"` // in registration order

	model string // of the load, in a few words
}

// serverSummary is one server over the whole run. Of one that was killed or
// drained, requests and busy time are what its clients know, the most in
// flight as they saw it, and the processor time that of the last sample.
type serverSummary struct {
	ID          string  `json:"id"`
	Capacity    float64 `json:"capacity"`
	Requests    int64   `json:"requests"`
	Busy        float64 `json:"busy_s"`
	CPU         float64 `json:"cpu_s"`
	MaxInFlight int64   `json:"max_in_flight"`
}

// Summary sums the run up.
func (r *Run) Summary() *Summary {
	l := &r.Client.Load
	s := &Summary{
		Policy: r.policy, Clients: l.Clients, model: client.Model(l),
		Sent: l.Counts.Sent, OK: l.Counts.OK, Refused: l.Counts.Refused, Failed: l.Counts.Failed, Unknown: l.Counts.Unknown,
		Throughput: l.Throughput,
		P50:        float64(l.Latency.Quantile(0.5)) / 1e6, P99: float64(l.Latency.Quantile(0.99)) / 1e6,
		Servers: make([]serverSummary, len(r.members)),
	}
	requests, busy := make([]float64, len(r.members)), make([]float64, len(r.members))
	for i := range r.members {
		s.Servers[i] = r.serverSummary(i)
		requests[i], busy[i] = float64(s.Servers[i].Requests), s.Servers[i].Busy
	}
	s.JainRequests, s.JainBusy = jain(requests), jain(busy)
	return s
}

func (r *Run) serverSummary(i int) serverSummary {
	m, seen := r.members[i], r.seen(i)
	s := serverSummary{
		ID: m.GetId(), Capacity: m.GetCapacity(),
		Requests: seen.Total.OK, Busy: seen.Total.Service.Seconds(), MaxInFlight: seen.MaxInFlight,
		CPU: r.usage.total(m.GetId()).Seconds(),
	}
	if st := r.stats[m.GetId()]; st != nil {
		s.Requests, s.Busy, s.MaxInFlight = st.GetRequests(), float64(st.GetBusyNs())/1e9, st.GetMaxInFlight()
	}
	return s
}

// seen is what the clients know of a server.
func (r *Run) seen(i int) client.ServerSummary {
	m := r.members[i]
	for _, a := range r.Client.Servers {
		if a.ID == m.GetId() && a.Instance == m.GetInstance() {
			return a
		}
	}
	return client.ServerSummary{} // never picked
}

// jain is Jain, Chiu and Hawe's fairness index, (Σx)² / (n Σx²): 1 when all
// have the same, 1/n when one has all; 0 when nobody has anything.
func jain(xs []float64) float64 {
	var sum, squares float64
	for _, x := range xs {
		sum += x
		squares += x * x
	}
	if squares == 0 {
		return 0
	}
	return sum * sum / (float64(len(xs)) * squares)
}

// PrintJSON writes the summary for scripts.
func (s *Summary) PrintJSON(w io.Writer) error { return json.NewEncoder(w).Encode(s) }

// Print writes the summary for people.
func (s *Summary) Print(w io.Writer) error {
	fmt.Fprintf(w, "\npolicy %s, %s: sent %d = ok %d + refused %d + failed %d + unknown %d\n",
		s.Policy, s.model, s.Sent, s.OK, s.Refused, s.Failed, s.Unknown)
	fmt.Fprintf(w, "%.1f req/s, response p50 %.1f ms, p99 %.1f ms, Jain's index of requests %.3f, of busy time %.3f\n\n",
		s.Throughput, s.P50, s.P99, s.JainRequests, s.JainBusy)
	fmt.Fprintln(w, "server    capacity   requests   busy s    cpu s  most in flight")
	for _, r := range s.Servers {
		fmt.Fprintf(w, "%-8s %9g %10d %8.2f %8.2f %15d\n", r.ID, r.Capacity, r.Requests, r.Busy, r.CPU, r.MaxInFlight)
	}
	_, err := fmt.Fprintln(w)
	return err
}

// proof is all that the verdict of a run rests on: what its bundle keeps.
type proof struct {
	Load    []record.Check `json:"load"` // as the clients checked their load, call by call
	History *check.History `json:"history"`
}

// proof gathers it.
func (r *Run) proof() proof { return proof{Load: r.Client.Load.Checks, History: r.history()} }

// Verdict holds the run against what it promises.
func (r *Run) Verdict() record.Verdict { return r.proof().judge() }

// judge holds a run against everything it promises.
func (p proof) judge() record.Verdict {
	return record.Judge(append(append([]record.Check(nil), p.Load...), p.History.Checks()...)...)
}

// Judge judges the run of a bundle again.
func Judge(bundle string) (record.Verdict, error) {
	var p proof
	if err := systems.ReadHistory(bundle, &p); err != nil {
		return record.Verdict{}, err
	}
	if p.History == nil {
		p.History = new(check.History) // which proves nothing
	}
	return p.judge(), nil
}

// Explain tells what broke a promise in the run of a bundle.
func Explain(bundle string, svg io.Writer) ([]string, error) {
	var p proof
	if err := systems.ReadHistory(bundle, &p); err != nil || p.History == nil {
		return nil, err
	}
	return p.History.Story().Tell(svg)
}

// evidence is what a run's figures are held against, beside what the engine sees
// from outside: the clients' spans summed up by other code than the histograms,
// and what the servers counted by themselves.
func (r *Run) evidence() *record.Evidence {
	l := &r.Client.Load
	begin, end := time.Unix(0, l.BeginUnixNS), time.Unix(0, l.EndUnixNS)
	e := l.Evidence()
	e.Slack = int64(max(r.usage.samples.Slack(begin, end), r.Client.CPUSlack))
	e.Missed = r.usage.samples.Missed(begin, end).Seconds()
	window := end.Sub(begin).Seconds()
	for i, m := range r.members {
		st := r.stats[m.GetId()]
		if st == nil || window <= 0 {
			continue // its counts died with it
		}
		e.Facts["answered/"+m.GetId()] = float64(st.GetRequests())
		e.Facts["busy/"+m.GetId()] = time.Duration(st.GetBusyNs()).Seconds() / window
		// Else a server may still work for a client that has gone on, or for a proxy that
		// has asked another one and told nobody.
		if l.Counts.OK == l.Counts.Sent && r.Client.Broken == 0 && l.Knee == nil && r.proxy == nil {
			e.Facts["peak/"+m.GetId()] = float64(r.seen(i).MaxInFlight)
		}
	}
	return e
}
