package target

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"

	"dyno/bench/process"
	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/systems"
)

// tried runs a trial with real processes.
func tried(t *testing.T, o *odd, values map[string]string) record.Observation {
	t.Helper()
	all := map[string]string{knobAddress: o.address}
	maps.Copy(all, values)
	v, err := System.Resolve(all)
	if err != nil {
		t.Fatal(err)
	}
	set := systems.Setting{Seed: 3, Load: record.Load{Loop: "swept"}, Warmup: 20 * time.Millisecond, Length: 200 * time.Millisecond}
	ctx, g, err := process.NewGroup(t.Context(), process.Options{System: System, Setting: set, Dir: t.ArtifactDir(), Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	got, err := System.Trial(ctx, g, v)
	if closing := g.Close(); err != nil || closing != nil {
		t.Fatal(err, closing)
	}
	if err := got.Conform(System.Metrics); err != nil {
		t.Error(err)
	}
	return got
}

// A trial of its own process knows all of it, by its knobs: a service under
// mutual TLS that allows few streams, a file of requests, and a secret.
func TestTrialInTheField(t *testing.T) {
	ours, _ := identities(t)
	mutual, err := rpc.LoadIdentity(ours, "shop")
	if err != nil {
		t.Fatal(err)
	}
	o := serveOdd(t, protos, reflectV1, codes.Unimplemented, grpc.Creds(credentials.NewTLS(mutual)), grpc.MaxConcurrentStreams(3))
	t.Setenv("SHOP_TOKEN", "s3cr3t")
	values := map[string]string{
		knobTLS: "on", knobCACert: filepath.Join(ours, "authority.pem"), knobServerName: "shop",
		knobCert: filepath.Join(ours, "client.pem"), knobKey: filepath.Join(ours, "client.key"),
		knobMetadata: `{"authorization":"Bearer ${SHOP_TOKEN}"}`,
		knobMethod:   textMethod, knobDataFile: write(t, `"a"`, `"b {{uuid}}"`), knobExpect: `""`, knobDataOrder: atRandom,
	}
	for _, kind := range []string{"closed", "ghz"} {
		values["driver"], values["rate"] = kind, "100"
		got := tried(t, o, values)
		reasons := strings.Join(got.Verdict.Reasons(), "; ")
		if wrong := strings.Contains(reasons, `want ""`); wrong != (kind == "closed") {
			t.Errorf("%s: %s", kind, reasons)
		}
		queued := slices.ContainsFunc(got.Flags, func(f record.Flag) bool { return f.Name == "queued" })
		if !queued || got.Scalars["streams_allowed"] != 3 || got.Scalars["streams_per_connection"] != 8 || got.Scalars["template_us_per_request"] <= 0 {
			t.Errorf("%s: flags %v, %v", kind, got.Flags, got.Scalars)
		}
		m, _ := System.Metric(streamsPerConnection)
		law := m.Road
		held := law.Hold(streamsPerConnection, &got)
		got.Scalars[streamsPerConnection] /= 2
		if halved := law.Hold(streamsPerConnection, &got); held.Status != record.Valid || kind == "closed" && halved.Status != record.Invalid {
			t.Errorf("%s: as they were %+v, half of them %+v", kind, held, halved)
		}
		if came := o.arrivals(); len(came) == 0 || came[len(came)-1].md.Get("authorization")[0] != "Bearer s3cr3t" {
			t.Errorf("%s: %d calls came", kind, len(came))
		}
	}
}

// The figures of messages are held against sums by other code, and are found
// when they are false.
func TestTrialOfStreams(t *testing.T) {
	o := serveOdd(t, protos, reflectV1, codes.Unimplemented)
	got := tried(t, o, map[string]string{knobMethod: "store.v1.Store/Talk", knobMessages: "5", knobExpect: `{"stock":"0"}`, "clients": "2"})
	if got.Verdict.Status == record.Undetermined {
		t.Skip("nothing was proved:", got.Verdict.Reasons())
	}
	streams, first, message := got.Histograms["response"].Count(), got.Histograms[firstMessage], got.Histograms[messageTime]
	if got.Verdict.Status != record.Valid || streams == 0 || first.Count() == 0 || message.Count() == 0 {
		t.Errorf("%v: %d streams, %d first messages, %d others", got.Verdict.Reasons(), streams, first.Count(), message.Count())
	}
	for _, m := range messageMetrics {
		if c := m.Road.Hold(m.Name, &got); c.Status != record.Valid {
			t.Errorf("%s: %+v", m.Name, c)
		}
	}
	message.Record(time.Second)
	got.Set("messages_rps", got.Scalars["messages_rps"]*1.1)
	for _, m := range messageMetrics {
		if c := m.Road.Hold(m.Name, &got); c.Status == record.Valid && m.Name != firstMessage {
			t.Errorf("false, and not found: %s", m.Name)
		}
	}
}
