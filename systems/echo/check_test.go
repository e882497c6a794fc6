package echo

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/driver"
	"dyno/bench/lie"
	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/internal/rpc/rpctest"
	echov1 "dyno/proto/echo/v1"
	"dyno/systems"
)

// upTo is 1 to n, from the last to the first: the order must not matter.
func upTo(n int) []uint64 {
	all := make([]uint64, n)
	for i := range all {
		all[i] = uint64(n - i)
	}
	return all
}

func TestNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		mutate  func([]uint64) []uint64
		unknown int64
		want    record.Status
	}{
		"each once":                  {func(n []uint64) []uint64 { return n }, 0, record.Valid},
		"each once, some unanswered": {func(n []uint64) []uint64 { return n }, 3, record.Valid},
		"one twice":                  {func(n []uint64) []uint64 { return append(n, n[4]) }, 0, record.Invalid},
		"one twice, one missing":     {func(n []uint64) []uint64 { n[4] = n[5]; return n }, 0, record.Invalid},
		"one twice, some unknown":    {func(n []uint64) []uint64 { return append(n, n[4]) }, 5, record.Invalid},
		"one missing":                {func(n []uint64) []uint64 { return slices.Delete(n, 4, 5) }, 0, record.Invalid},
		"one missing, one unknown":   {func(n []uint64) []uint64 { return slices.Delete(n, 4, 5) }, 1, record.Undetermined},
		"two missing, one unknown":   {func(n []uint64) []uint64 { return slices.Delete(n, 4, 6) }, 1, record.Invalid},
		"the last is missing":        {func(n []uint64) []uint64 { return n[1:] }, 0, record.Valid}, // it is checkAnswered that sees this
		"a zero":                     {func(n []uint64) []uint64 { n[4] = 0; return n }, 0, record.Invalid},
		"one invented":               {func(n []uint64) []uint64 { n[4] = 1 << 60; return n }, 0, record.Invalid},
		"one twice, far up":          {func(n []uint64) []uint64 { return append(n, maxNumber+1, maxNumber+1) }, maxNumber, record.Undetermined},
		"nothing":                    {func([]uint64) []uint64 { return nil }, 0, record.Undetermined},
	} {
		t.Run(name, func(t *testing.T) {
			var seen tally
			gather([]*caller{nil, {numbers: c.mutate(upTo(20))}}, &seen)
			n := seen.numbers
			if got := checkNumbers(n, record.Counts{Unknown: c.unknown}); got.Status != c.want {
				t.Errorf("%+v: %+v; want it %s", n, got, c.want)
			}
		})
	}
}

func TestAnswered(t *testing.T) {
	for _, c := range []struct {
		answered    uint64
		ok, unknown int64
		want        record.Status
	}{
		{20, 20, 0, record.Valid},
		{20, 20, 2, record.Valid},
		{21, 20, 0, record.Invalid},
		{19, 20, 0, record.Invalid},
		{19, 20, 2, record.Invalid},
		{22, 20, 2, record.Undetermined},
		{23, 20, 2, record.Invalid},
	} {
		counts := record.Counts{OK: c.ok, Unknown: c.unknown, Sent: c.ok + c.unknown}
		if got := checkAnswered(c.answered, counts); got.Status != c.want {
			t.Errorf("server %d, clients %+v: %+v; want it %s", c.answered, counts, got, c.want)
		}
	}
}

func TestPayload(t *testing.T) {
	a := answers{Numbers: numbers{Seen: 20}}
	if got := checkPayload(a); got.Status != record.Valid || got.Examined != 20 {
		t.Errorf("unaltered: %+v", got)
	}
	a.Altered = 1
	if got := checkPayload(a); got.Status != record.Invalid {
		t.Errorf("altered: %+v", got)
	}
}

// unsteady takes longer for some requests, so that there is something to
// forget, and that an open loop is late.
type unsteady struct{ *service }

func (u unsteady) Echo(ctx context.Context, req *echov1.EchoRequest) (*echov1.EchoResponse, error) {
	resp, err := u.service.Echo(ctx, req)
	time.Sleep(time.Millisecond + time.Duration(resp.GetAnswered()%7)*100*time.Microsecond)
	return resp, err
}

// late is an alarm that is late, as all are on a real machine.
type late struct{ load.Alarm }

func (l late) Wait(d time.Duration) error { return l.Alarm.Wait(d + 50*time.Microsecond) }

// Every mutant is invalid by the check that the experiment negative-control
// names; nothing is found where nothing is wrong.
func TestMutants(t *testing.T) {
	for mutant, want := range map[string]string{
		mutantNone: "", mutantAltered: "payload", mutantRenumbered: "numbers", mutantTwice: "answered",
		mutantInvented: "answered", mutantForgotten: "counts", mutantShortened: "little", mutantPostponed: "schedule",
	} {
		for _, driver := range []string{driver.Closed, driver.Open} {
			c := &config{driver: driver, mutant: mutant, lie: lie.None}
			if c.checkMutant() != nil {
				continue
			}
			t.Run(mutant+" "+driver, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					invalid := underMutant(t, c)
					if want == "" && len(invalid) > 0 || want != "" && !slices.Contains(invalid, want) {
						t.Errorf("invalid: %v, want %q", invalid, want)
					}
				})
			})
		}
	}
}

// underMutant drives a server over memory and lists the checks that fail.
func underMutant(t *testing.T, c *config) []string {
	t.Helper()
	srv := &service{mutant: c.mutant}
	conn, _ := rpctest.Start(t, rpc.Options{}, func(r grpc.ServiceRegistrar) { echov1.RegisterEchoServiceServer(r, unsteady{srv}) })
	var l driver.Single = load.Closed{Clients: 4, Warmup: 50 * time.Millisecond, Length: 200 * time.Millisecond}
	if c.driver == driver.Open {
		l = load.Open{Arrivals: "poisson", Rate: 1500, Seed: 1, Warmup: 50 * time.Millisecond, Length: 200 * time.Millisecond, Alarm: late{load.NewCoarseAlarm()}}
	}
	r, err := drive(t.Context(), mutateConn(conn, c.mutant), driver.Once(misreporting{l, c.mutant, lie.None}), 16, 1)
	if err != nil {
		t.Fatal(err)
	}
	var invalid []string
	for _, check := range judge(r, c, srv.answered.Load()).Checks {
		if check.Status == record.Invalid {
			invalid = append(invalid, check.Name)
		}
	}
	return invalid
}

// A mutant that would not be wrong is refused, and so is one that nobody knows.
func TestMutantsThatWouldBeRight(t *testing.T) {
	for _, c := range []struct{ driver, mutant, want string }{
		{driver.Closed, mutantPostponed, "needs driver open"},
		{driver.GHZ, mutantInvented, "not of driver ghz"},
		{driver.Search, mutantShortened, "not of driver search"},
		{driver.GHZ, mutantTwice, ""},
		{driver.Open, mutantPostponed, ""},
	} {
		err := (&config{driver: c.driver, mutant: c.mutant, lie: lie.None}).checkMutant()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.driver, c.mutant, err, c.want)
		}
	}
	if _, err := (&systems.System{Name: name, Knobs: knobs}).Resolve(map[string]string{knobMutant: "wrong"}); err == nil {
		t.Error("an unknown mutant is accepted")
	}
}
