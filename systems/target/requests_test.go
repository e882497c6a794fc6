package target

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"dyno/bench/driver"
)

const textMethod = "store.v1.Store/Text"

// write leaves a file of lines and returns its path.
func write(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.jsonl")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// calls makes so many calls and returns what came, and how many answers were right.
func calls(t *testing.T, o *odd, n int, values map[string]string) (came []string, p *prepared) {
	t.Helper()
	p, err := ready(t, o, values)
	if err != nil {
		t.Fatal(err)
	}
	o.arrivals()
	for range n {
		p.op()(t.Context(), 0)
	}
	return bodies(o), p
}

// bodies are what came, without the tag and the length before a text.
func bodies(o *odd) (came []string) {
	for _, a := range o.arrivals() {
		came = append(came, string(a.bytes[min(2, len(a.bytes)):]))
	}
	return came
}

// Lines come in their order, or at random by the seed, each with what is expected
// of its answer; and ghz sends the same.
func TestDataFile(t *testing.T) {
	o := serveOdd(t, protos, reflectV1, codes.Unimplemented)
	lines := write(t, `"a"`, ``, `{"@data": "b", "@expect": "b"}`, `{"@expect": "x", "@data": "c"}`)
	values := map[string]string{knobMethod: textMethod, knobDataFile: lines}
	came, p := calls(t, o, 5, values)
	if got := strings.Join(came, ""); got != "abcab" {
		t.Errorf("in order: %s", got)
	}
	if a := p.answers(); a.Matched != 2 || a.Wrong != 1 || a.Skipped != 2 || a.Unchecked || !strings.Contains(a.FirstWrong, `want "x"`) {
		t.Errorf("answers: %+v", a)
	}
	values[knobExpect] = `"a"`
	if _, p = calls(t, o, 3, values); p.answers().Matched != 2 || p.answers().Skipped != 0 {
		t.Errorf("with --expect for the other lines: %+v", p.answers())
	}
	values[knobDataOrder] = atRandom
	came, _ = calls(t, o, 60, values)
	again, _ := calls(t, o, 60, values)
	for _, one := range []string{"a", "b", "c"} {
		if n := strings.Count(strings.Join(came, ""), one); n < 10 || n > 30 {
			t.Errorf("%s comes %d times of 60", one, n)
		}
	}
	if !slices.Equal(came, again) {
		t.Error("the same seed draws other lines")
	}
	if p, err := ready(t, o, values); err != nil {
		t.Fatal(err)
	} else if theirs := ghzBodies(t, o, p, 20); !sameOnes(theirs, came[:20]) {
		t.Errorf("ghz sent %q, we %q", theirs, came[:20])
	}
}

// ghzBodies are what ghz sends in n calls by one worker.
func ghzBodies(t *testing.T, o *odd, p *prepared, n int) []string {
	t.Helper()
	o.arrivals()
	w := driver.Witness{Flags: &driver.Flags{Length: 100 * time.Millisecond}, Workers: 1, Rate: float64(10 * n)}
	if r, err := p.witness(t.Context(), w); err != nil || r.Counts.OK != int64(n) {
		t.Fatalf("ghz: %v, %+v", err, r)
	}
	return bodies(o)
}

func sameOnes(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// Each line once ends a run of a closed loop, and is refused where it could not.
func TestOnce(t *testing.T) {
	o := serveOdd(t, protos, reflectV1, codes.Unimplemented)
	var lines []string
	for i := range 40 {
		lines = append(lines, fmt.Sprintf(`{"@data": "%d", "@expect": "%d"}`, i, i))
	}
	values := map[string]string{knobMethod: textMethod, knobDataFile: write(t, lines...), knobDataOrder: onceEach}
	p, err := ready(t, o, values)
	if err != nil {
		t.Fatal(err)
	}
	flags := &driver.Flags{Length: time.Second}
	r, err := p.drive(t.Context(), flags, driver.Closed, driver.Model{Clients: 4})
	if err != nil || r.Counts.OK != 40 || r.Answers.Matched != 40 {
		t.Fatalf("%v, %+v", err, r)
	}
	came := bodies(o)
	slices.Sort(came)
	if n := len(slices.Compact(came)); len(came) != 40 || n != 40 {
		t.Errorf("%d came, %d different ones", len(came), n)
	}
	for _, c := range []struct {
		kind, want string
		rate       float64
	}{{driver.Open, "the file lines for 40", 1000}, {driver.Search, "not with --loop search", 1}} {
		if _, err := p.drive(t.Context(), flags, c.kind, driver.Model{Arrivals: "constant", Rate: c.rate, Clients: 1}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.kind, err, c.want)
		}
	}
	if _, err := p.witness(t.Context(), driver.Witness{Flags: flags, Workers: 1, Rate: 50}); err == nil || !strings.Contains(err.Error(), "ghz makes 50 calls") {
		t.Error(err)
	}
}

// Templates fill in what they say, the same in what is sent and in what is
// expected, for every driver.
func TestTemplates(t *testing.T) {
	o := serveOdd(t, protos, reflectV1, codes.Unimplemented)
	const data = `"{{seq 7}} {{random -2 2}} {{random 0 1000000}} {{ uuid }} {{uuid}} {\u007b"`
	values := map[string]string{knobMethod: textMethod, knobData: data, knobExpect: data}
	came, p := calls(t, o, 200, values)
	if a := p.answers(); a.Matched != 200 || a.Unchecked {
		t.Fatalf("answers: %+v", a)
	}
	form := regexp.MustCompile(`^(\d+) (-?\d) (\d+) ([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}) ([0-9a-f-]{36}) \{\{$`)
	small, ids := map[string]bool{}, map[string]bool{}
	for i, one := range came {
		m := form.FindStringSubmatch(one)
		if m == nil || m[1] != fmt.Sprint(7+i) {
			t.Fatalf("call %d sent %q", i, one)
		}
		small[m[2]], ids[m[4]], ids[m[5]] = true, true, true
	}
	if len(small) != 5 || len(ids) != 400 {
		t.Errorf("%d of 5 small numbers, %d of 400 ids", len(small), len(ids))
	}
	if p, err := ready(t, o, values); err != nil {
		t.Fatal(err)
	} else if theirs := ghzBodies(t, o, p, 10); !sameOnes(theirs, came[:10]) {
		t.Errorf("ghz sent %q, we %q", theirs, came[:10])
	}
	if cost, err := p.requests.cost(); err != nil || cost <= 0 {
		t.Errorf("cost %v, %v", cost, err)
	}
	o.answer = []byte("\x0a\x017") // not what is expected any more
	if _, p := calls(t, o, 2, values); p.answers().Wrong != 2 {
		t.Errorf("answers: %+v", p.answers())
	}
}

// What is wrong with a line is told with where it is.
func TestRequestRefusals(t *testing.T) {
	o := serveOdd(t, protos, reflectV1, codes.Unimplemented)
	for _, c := range []struct{ want, data, expect, file string }{
		{want: "{{sequence}} is none of {{seq}}", data: `"{{sequence}}"`},
		{want: "{{random 5 1}} is none of", data: `"{{random 5 1}}"`},
		{want: "is none of {{seq}}", data: `"{{.RequestNumber}}"`},
		{want: "expect: {{nothing}} is none of", data: `"a"`, expect: `"{{nothing}}"`},
		{want: "data.jsonl:2: data is not a google.protobuf.StringValue", file: "\"a\"\n5"},
		{want: "data.jsonl:1: expect is not a", file: `{"@data":"a","@expect":5}`},
		{want: `"@expected" is not one of @data, @expect`, file: `{"@data":"a","@expected":"5"}`},
		{want: "has no line", file: "\n\n"},
		{want: "give one of them", data: `"a"`, file: `"a"`},
	} {
		values := map[string]string{knobMethod: textMethod, knobExpect: c.expect}
		if c.data != "" {
			values[knobData] = c.data
		}
		if c.file != "" {
			values[knobDataFile] = write(t, c.file)
		}
		if _, err := ready(t, o, values); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if _, err := ready(t, o, map[string]string{knobMethod: textMethod, knobDataFile: "nowhere.jsonl"}); err == nil || !strings.Contains(err.Error(), "nowhere.jsonl") {
		t.Error(err)
	}
}

// What comes from the environment or from a file arrives, and stays out of all
// that is printed, though the server repeats it.
func TestSecrets(t *testing.T) {
	o := serveOdd(t, protos, reflectV1, codes.Unimplemented)
	t.Setenv("SHOP_TOKEN", "s3cr3t-token")
	file := write(t, `{"x-key": "another-s3cret"}`)
	values := map[string]string{
		knobMethod: textMethod, knobMetadata: `{"authorization":"Bearer ${SHOP_TOKEN}"}`, knobMetadataFile: file,
		knobData: `"s3cr3t-token and another-s3cret"`, knobExpect: `"nothing"`,
	}
	p, err := ready(t, o, values)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.drive(p.outgoing(t.Context()), &driver.Flags{Length: 20 * time.Millisecond}, driver.Closed, driver.Model{Clients: 1})
	if err != nil {
		t.Fatal(err)
	}
	came := o.arrivals()
	if md := came[len(came)-1].md; md.Get("authorization")[0] != "Bearer s3cr3t-token" || md.Get("x-key")[0] != "another-s3cret" {
		t.Errorf("metadata came as %v", md)
	}
	observed := r.observe(driver.Closed)
	for name, what := range map[string]any{"report": r, "observation": observed, "reasons": observed.Verdict.Reasons()} {
		out, err := json.Marshal(what)
		if err != nil || strings.Contains(string(out), "s3cr") {
			t.Errorf("the %s has a secret: %v %s", name, err, out)
		}
	}
	if r.Answers.FirstWrong == "" || r.Answers.Wrong == 0 {
		t.Errorf("nothing was hidden: %+v", r.Answers)
	}
	for key, c := range map[string][2]string{
		"SHOP_TOKEM":    {`{"a":"${SHOP_TOKEM}"}`, "environment variable SHOP_TOKEM is not set"},
		"not an object": {"", "is not a JSON object of strings"},
	} {
		values := map[string]string{knobMetadata: c[0]}
		if c[0] == "" {
			values[knobMetadataFile] = write(t, `["s3cr3t"]`)
		}
		if _, err := ready(t, o, values); err == nil || !strings.Contains(err.Error(), c[1]) || strings.Contains(err.Error(), "s3cr") {
			t.Errorf("%s: %v", key, err)
		}
	}
}
