package simulator

import (
	"errors"
	"fmt"
	"time"

	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/policy"
)

// simReferee watches one life of the balancer and knows by its own count what
// was reported and picked. Each method returns what was wrong.
type simReferee struct {
	world   *simWorld
	core    *balancer.Balancer
	listing *simListing
	loads   map[string]*simLoad // by instance, of those in the table
	fair    map[simTurn]int     // picks of the one since both could be picked, or since the other's last
	able    map[simSeat]bool    // at the last pick
}

// simLoad is what an instance told last.
type simLoad struct {
	last     balancer.Report
	assigned int
	errors   bool // it has told of errors
}

// simSeat is one registration: who registers again goes to the end.
type simSeat struct {
	instance string
	revision int64
}

type simTurn struct{ picked, waiting simSeat }

func newSimReferee(w *simWorld, core *balancer.Balancer) *simReferee {
	return &simReferee{world: w, core: core, loads: map[string]*simLoad{}, fair: map[simTurn]int{}}
}

// applied: the table is the directory's, of two lives of one id the later.
func (r *simReferee) applied(l simListing) error {
	r.listing = &l
	want, instances := map[string]string{}, map[string]bool{}
	for _, e := range l.entries {
		want[e.Path[0]] = e.Path[1]
	}
	for _, instance := range want {
		instances[instance] = true
	}
	for instance := range r.loads {
		if !instances[instance] {
			delete(r.loads, instance)
		}
	}
	rows := r.core.Rows(0) // at the latest time it knows
	for _, row := range rows {
		if want[row.ID] != row.Instance {
			return fmt.Errorf("the table has %s, the directory does not", row.Instance)
		}
	}
	if len(rows) != len(want) {
		return fmt.Errorf("the table has %d servers, the directory %d", len(rows), len(want))
	}
	return nil
}

// reported: the newest report counts, whatever comes later.
func (r *simReferee) reported(now time.Duration, rep balancer.Report, err error) error {
	if err != nil {
		if !errors.Is(err, balancer.ErrUnknownServer) {
			return fmt.Errorf("a report of %s is refused: %w", rep.Instance, err)
		}
		return nil
	}
	l := r.loads[rep.Instance]
	if l == nil {
		l = &simLoad{}
		r.loads[rep.Instance] = l
	}
	if rep.Sequence > l.last.Sequence {
		*l = simLoad{last: rep, errors: l.errors || rep.EPS > 0}
	}
	for _, row := range r.core.Rows(now) {
		if row.Instance == rep.Instance && row.InFlight != l.last.InFlight {
			return fmt.Errorf("%s has %d in flight by its newest report, the table says %d", rep.Instance, l.last.InFlight, row.InFlight)
		}
	}
	return nil
}

// picked judges a pick by the table as it was before it.
func (r *simReferee) picked(now time.Duration, rows []balancer.Row, pick balancer.Pick, err error) error {
	if err != nil {
		return r.refused(err)
	}
	if l := r.loads[pick.Instance]; l != nil && l.last.Draining {
		return fmt.Errorf("%s is picked though it drains", pick.Instance)
	}
	seen := r.world.byInstance[pick.Instance].seenAt
	if inTouch := r.listing != nil && now-r.listing.sent <= simSlack; inTouch && now-seen > simGone {
		return fmt.Errorf("%s is picked %v after its last act", pick.Instance, now-seen)
	}
	able := choosable(rows)
	switch r.world.policy.Shares {
	case policy.First:
		if able[0].Instance != pick.Instance {
			err = fmt.Errorf("%s is picked, the first is %s", pick.Instance, able[0].Instance)
		}
	case policy.Even:
		err = r.even(able, pick)
	case policy.Loaded:
		err = r.lowest(able, pick)
	}
	l := r.loads[pick.Instance]
	if l == nil {
		l = &simLoad{}
		r.loads[pick.Instance] = l
	}
	l.assigned++
	return err
}

// refused: nobody is refused unless the directory has been read and lists
// nobody but those who drain.
func (r *simReferee) refused(err error) error {
	if r.listing == nil {
		return fmt.Errorf("asked before it has read the directory, the balancer says: %w", err)
	}
	for _, e := range r.listing.entries {
		if l := r.loads[e.Path[1]]; l == nil || !l.last.Draining {
			return fmt.Errorf("%s is in the directory, and yet: %w", e.Path[1], err)
		}
	}
	return nil
}

// choosable lists the rows that may be picked.
func choosable(rows []balancer.Row) []balancer.Row {
	var able, suspects []balancer.Row
	for _, row := range rows {
		switch {
		case row.Draining:
		case row.Suspect:
			suspects = append(suspects, row)
		default:
			able = append(able, row)
		}
	}
	if len(able) == 0 {
		return suspects
	}
	return able
}

// even: nobody is picked twice while another one that could be picked all the
// time is not. For any two servers counts then differ by at most 1.
func (r *simReferee) even(rows []balancer.Row, pick balancer.Pick) error {
	able := make(map[simSeat]bool, len(rows))
	var taken simSeat
	for _, row := range rows {
		s := simSeat{row.Instance, row.Revision}
		able[s] = true
		if row.Instance == pick.Instance {
			taken = s
		}
	}
	for turn := range r.fair {
		if !able[turn.picked] || !able[turn.waiting] || !r.able[turn.picked] || !r.able[turn.waiting] || turn.waiting == taken {
			delete(r.fair, turn)
		}
	}
	r.able = able
	for _, row := range rows {
		turn := simTurn{taken, simSeat{row.Instance, row.Revision}}
		if turn.waiting == taken {
			continue
		}
		if r.fair[turn]++; r.fair[turn] > 1 {
			return fmt.Errorf("%s is picked twice, %s not once meanwhile", taken.instance, row.Instance)
		}
	}
	return nil
}

// lowest: where all have reported of late, and no errors, nobody has a lower
// load than the one that is picked. All have capacity 1.
func (r *simReferee) lowest(rows []balancer.Row, pick balancer.Pick) error {
	load := func(instance string) int64 {
		l := r.loads[instance]
		return l.last.InFlight + int64(l.assigned)
	}
	for _, row := range rows {
		if row.ReportAge < 0 || row.ReportAge >= 3*simInterval || r.loads[row.Instance].errors {
			return nil
		}
	}
	for _, row := range rows {
		if load(row.Instance) < load(pick.Instance) {
			return fmt.Errorf("%s with load %d is picked, %s has %d", pick.Instance, load(pick.Instance), row.Instance, load(row.Instance))
		}
	}
	return nil
}
