// Package live shows a run to browsers while it lasts: one page, and events that
// keep it up to date (server-sent events, so that nothing but HTTP is needed). It
// knows nothing of what it shows.
package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	backlog  = 1024            // events that a browser may lag behind; one that lags further comes again, and is told all
	farewell = 2 * time.Second // what browsers are given to hear the last event
)

// event is one as it goes out.
type event struct {
	key  string
	text []byte
}

// Server serves a page and its events until it is closed.
type Server struct {
	addr string
	http http.Server

	mu      sync.Mutex
	page    []byte
	kept    []event // what a browser that comes is told first
	viewers map[chan []byte]bool
	closed  bool
}

// Listen serves at an address; one without a host, such as :0, is of this machine
// alone.
func Listen(address string) (*Server, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%q is no address: want :PORT or HOST:PORT, for example :0 for any free port of this machine", address)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	s := &Server{addr: l.Addr().String(), viewers: make(map[chan []byte]bool)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.servePage)
	mux.HandleFunc("GET /events", s.serveEvents)
	s.http = http.Server{Handler: own(l.Addr(), mux), ReadHeaderTimeout: 5 * time.Second}
	go s.http.Serve(l) //nolint:errcheck // it ends when it is closed, and says so
	return s, nil
}

// own refuses requests that name another host while only this machine may ask: a
// page from elsewhere whose name was made to mean this machine reads nothing.
func own(at net.Addr, next http.Handler) http.Handler {
	tcp, ok := at.(*net.TCPAddr)
	if !ok || !tcp.IP.IsLoopback() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "this page is of this machine alone", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// URL is where it is.
func (s *Server) URL() string { return "http://" + s.addr + "/" }

// Show sets the page.
func (s *Server) Show(page []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.page = page
}

// Watched says whether anybody looks on.
func (s *Server) Watched() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.viewers) > 0
}

// Send tells all that look on, and those that come later. Of events with the same key
// the last is kept for these, so keys are to be few; of those without one, the last
// few hundred.
func (s *Server) Send(name, key string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("event %s: %w", name, err)
	}
	e := event{key, fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, text)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.keep(e)
	for v := range s.viewers {
		s.tell(v, e.text)
	}
	return nil
}

// keep notes an event for those that come. The caller holds the lock.
func (s *Server) keep(e event) {
	const most = backlog / 2
	same := func(o event) bool { return o.key == e.key }
	if e.key != "" {
		s.kept = slices.DeleteFunc(s.kept, same)
	} else if n := len(s.kept); n >= most {
		if i := slices.IndexFunc(s.kept, same); i >= 0 {
			s.kept = slices.Delete(s.kept, i, i+1)
		}
	}
	s.kept = append(s.kept, e)
}

// tell hands an event to a viewer, and drops one that does not keep up. The caller
// holds the lock.
func (s *Server) tell(v chan []byte, text []byte) {
	select {
	case v <- text:
	default:
		delete(s.viewers, v)
		close(v)
	}
}

func (s *Server) servePage(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	page := s.page
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(page) // whoever left does not need it
}

func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	v := s.arrive()
	if v == nil {
		http.Error(w, "the run is over", http.StatusGone)
		return
	}
	defer s.leave(v)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	for {
		select {
		case <-r.Context().Done():
			return
		case text, ok := <-v:
			if !ok {
				return
			}
			if _, err := w.Write(text); err != nil {
				return
			}
			if err := out.Flush(); err != nil {
				return
			}
		}
	}
}

// arrive is a viewer that has been told what there was; nil when it is over.
func (s *Server) arrive() chan []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	v := make(chan []byte, 2*backlog)
	v <- []byte("event: begin\ndata: {}\n\n")
	for _, e := range s.kept[max(0, len(s.kept)-backlog):] {
		v <- e.text
	}
	s.viewers[v] = true
	return v
}

func (s *Server) leave(v chan []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.viewers, v)
}

// Close tells everybody that it is over, with a last word, and ends.
func (s *Server) Close(word string) error {
	if err := s.Send("end", "end", word); err != nil {
		return err
	}
	s.mu.Lock()
	s.closed = true
	for v := range s.viewers {
		delete(s.viewers, v)
		close(v)
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(s.http.Close()) // a browser that does not read
	}
	return nil
}
