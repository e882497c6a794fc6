package lookasidegrpc

import "time"

// MaxReserve bounds [Config].Reserve. What share of calls finds a pick of none, 16
// and 64, how old it is and what a call costs is a table of lb-overhead.
const MaxReserve = 64

// maxAge is how long a pick may wait to be used: the balancer chose by what it
// knew then, and a fifth of the interval between two reports is little news. It counts
// from when the frame came in that brought the pick, so a pick is older by up to what
// that was under way.
const maxAge = 20 * time.Millisecond

// dense is the mean time between calls below which a reserve is kept. Where calls
// are rarer, asking costs little and a pick would age for long.
const dense = time.Millisecond

// soon is when a pick is used, in the mean of a steady demand, at the latest. A frame
// costs the balancer and the client as much as a good part of a call, so it is to
// bring many; one client whose picks came one by one found one at every call, and
// paid for a frame with each.
const soon = maxAge / 4

// reserve is picks that the balancer made ahead of the calls, so that most calls
// find one and need not wait. How many are kept follows the demand: as many as there
// will be calls soon. A client with little to do asks for each call.
type reserve struct {
	most, level int // as many as may be, and as are to be kept now
	stock       []ahead
	room        [MaxReserve]ahead // under stock
	asked       time.Time         // when a call last wanted one
	gap         time.Duration     // between calls, smoothed

	used   int64
	age    time.Duration // of those used, summed up
	oldest time.Duration
	unused map[Server]int64
}

// ahead is one of them.
type ahead struct {
	server *Server
	at     time.Time
}

// take returns the oldest pick that is not too old, or nil.
func (r *reserve) take(now time.Time) *Server {
	if r.most == 0 {
		return nil
	}
	if r.asked.IsZero() {
		r.gap = maxAge
	}
	r.gap += (min(now.Sub(r.asked), maxAge) - r.gap) / 16
	r.asked = now
	r.level = 0
	if r.gap < dense {
		r.level = int(min(int64(r.most), int64(soon/max(r.gap, 1))))
	}
	for len(r.stock) > 0 {
		p := r.stock[0]
		r.stock = r.stock[1:]
		if age := now.Sub(p.at); age <= maxAge {
			r.used, r.age, r.oldest = r.used+1, r.age+age, max(r.oldest, age)
			return p.server
		}
		r.drop(p.server)
	}
	return nil
}

// wants is how many picks the next frame is to bring: none while half are left.
func (r *reserve) wants() int {
	if r.level == 0 || len(r.stock) > r.level/2 {
		return 0
	}
	return r.level - len(r.stock)
}

// put takes in a pick, which there is room for: see wants.
func (r *reserve) put(s *Server, now time.Time) {
	if cap(r.stock) == len(r.stock) {
		r.stock = append(r.room[:0], r.stock...)
	}
	r.stock = append(r.stock, ahead{s, now})
}

// drop counts a pick that no call will use.
func (r *reserve) drop(s *Server) {
	if r.unused == nil {
		r.unused = make(map[Server]int64)
	}
	r.unused[*s]++
}

// forget drops the picks of a server, or all of them. None is wanted until a call is.
func (r *reserve) forget(s *Server) {
	kept := r.room[:0]
	for _, p := range r.stock {
		if s != nil && *p.server != *s {
			kept = append(kept, p)
		} else {
			r.drop(p.server)
		}
	}
	r.stock, r.level = kept, 0
}
