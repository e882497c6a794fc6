package target

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"dyno/bench/driver"
	"dyno/internal/record"
	"dyno/internal/rpc"
)

// Streams of all kinds: what is sent, what is counted, and what counts as right.
func TestStreams(t *testing.T) {
	const (
		watch, fill, talk = "store.v1.Store/Watch", "store.v1.Store/Fill", "store.v1.Store/Talk"
		five              = `{"stock":"5"}`
	)
	for _, c := range []struct {
		name, method string
		values       map[string]string
		sent         int   // requests of one stream
		parts        int64 // messages that are measured
		refusal      string
	}{
		{"answers", watch, nil, 1, 3, ""},
		{"some answers", watch, map[string]string{knobMessages: "2"}, 1, 2, ""},
		{"too few answers", watch, map[string]string{knobMessages: "4"}, 1, 3, "after 3 answers, 4 are wanted"},
		{"requests", fill, map[string]string{knobMessages: "4"}, 4, 4, ""},
		{"requests at a rate", fill, map[string]string{knobMessages: "4", knobMessageRate: "1000"}, 4, 4, ""},
		{"one request", fill, nil, 1, 1, ""},
		{"ping-pong", talk, map[string]string{knobMessages: "4"}, 4, 4, ""},
		{"both at a rate", talk, map[string]string{knobMessages: "4", knobMessageRate: "1000"}, 4, 4, ""},
		{"unpaired", talk, map[string]string{knobMessages: "4", knobPairing: unpaired}, 4, 4, ""},
		{"unpaired at a rate", talk, map[string]string{knobMessages: "4", knobPairing: unpaired, knobMessageRate: "1000"}, 4, 4, ""},
	} {
		for _, wrong := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, wrong), func(t *testing.T) {
				o := serveOdd(t, protos, reflectV1, codes.Unimplemented)
				values := map[string]string{knobMethod: c.method, knobData: five, knobExpect: five}
				maps.Copy(values, c.values)
				if wrong {
					o.answer = []byte{8, 6}
				}
				before := made("/" + c.method)
				came, p := calls(t, o, 2, values)
				a := p.answers()
				switch {
				case c.refusal != "":
					if !strings.Contains(p.errors.String(), c.refusal) {
						t.Errorf("%q; want %q", p.errors.String(), c.refusal)
					}
					return
				case wrong != (a.Wrong == 2) || wrong == (a.Matched == 2):
					t.Errorf("answers: %+v, %s", a, p.errors.String())
				case wrong && !strings.Contains(a.FirstWrong, "stock is 6, want 5"):
					t.Errorf("in what: %s", a.FirstWrong)
				}
				if after := made("/" + c.method); after.OK-before.OK != 2 || after.Failed != before.Failed {
					t.Errorf("the client counted %+v after %+v", after, before)
				}
				r := new(report)
				p.streams.report(r)
				if first := r.Messages.Times[firstMessage].Count(); first != 2 || r.Messages.count() != 2*c.parts || len(came) != 2*c.sent {
					t.Errorf("%d first messages, %d in all, %d sent", first, r.Messages.count(), len(came))
				}
			})
		}
	}
}

func made(method string) record.Calls { return rpc.Tally().Made[method] }

// A stream whose answers are not one to one with its requests is told apart from
// one that fails.
func TestPairing(t *testing.T) {
	o := serveOdd(t, protos, reflectV1, codes.Unimplemented)
	o.more = 1
	for values, want := range map[string]string{"0": "sent more answers than the 3 requests", "1000": "sent more answers than the 3 requests"} {
		_, p := calls(t, o, 1, map[string]string{knobMethod: "store.v1.Store/Talk", knobMessages: "3", knobMessageRate: values})
		if !strings.Contains(p.errors.String(), want) {
			t.Errorf("%s: %q; want %q", values, p.errors.String(), want)
		}
	}
	_, p := calls(t, o, 1, map[string]string{knobMethod: "store.v1.Store/Talk", knobMessages: "3", knobPairing: unpaired})
	r := new(report)
	if p.streams.report(r); p.errors.String() != "" || r.Messages.count() != 6 {
		t.Errorf("%d answers, %q", r.Messages.count(), p.errors.String())
	}
	none := serveOdd(t, protos, reflectV1, codes.Unimplemented, grpc.StreamInterceptor(
		func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			if strings.HasSuffix(info.FullMethod, "Talk") {
				return nil // ends at once
			}
			return next(srv, ss)
		}))
	for _, rate := range []string{"0", "1000"} {
		_, p = calls(t, none, 1, map[string]string{knobMethod: "store.v1.Store/Talk", knobMessages: "3", knobMessageRate: rate})
		if !strings.Contains(p.errors.String(), "answers to 3 requests") && !strings.Contains(p.errors.String(), "ended the stream") {
			t.Errorf("rate %s: %q", rate, p.errors.String())
		}
	}
}

// ghz sends the messages of a stream as we do.
func TestStreamsOfGHZ(t *testing.T) {
	o := serveOdd(t, protos, reflectV1, codes.Unimplemented)
	for _, method := range []string{"Watch", "Fill", "Talk"} {
		values := map[string]string{knobMethod: "store.v1.Store/" + method, knobData: `{"stock":"{{seq}}","voucher":"{{uuid}}"}`}
		if method != "Watch" {
			values[knobMessages], values[knobMessageRate] = "3", "1000"
		}
		came, _ := calls(t, o, 4, values)
		p, err := ready(t, o, values)
		if err != nil {
			t.Fatal(err)
		}
		if theirs := ghzBodies(t, o, p, 4); !sameOnes(theirs, came) {
			t.Errorf("%s: ghz sent %q, we %q", method, theirs, came)
		}
	}
	p, err := ready(t, o, map[string]string{knobMethod: "store.v1.Store/Watch", knobMessages: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.witness(t.Context(), driver.Witness{Flags: &driver.Flags{Length: time.Second}, Workers: 1, Rate: 1}); err == nil || !strings.Contains(err.Error(), "leave it out") {
		t.Error(err)
	}
}
