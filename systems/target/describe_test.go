package target

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"dyno/internal/record"
)

const protos = "testdata/protos"

// oddRequests are requests that come back as they were sent, and what is
// expected of them.
var oddRequests = []struct{ method, data, expect string }{
	{"store.v1.Store/Put", `{}`, ``},
	{"store.v1.Store/Put", `{"voucher":"x","stock":"5","deltas":[-1,2],"history":[{"cents":"1"},{}],"size":"SIZE_LARGE"}`, `{"size":1,"history":[{"cents":1},{}]}`},
	{"store.v1.Store/Put", `{"prices":{"e":{},"d":{"cents":1},"c":{},"b":{"currency":"x"},"a":{}},"names":{"3":"c","-2":"b","1":"a"}}`, `{"prices":{"d":{"cents":"1"}},"names":{"-2":"b"}}`},
	{"store.v1.Store/Put", `{"detail":{"@type":"type.googleapis.com/store.v1.Price","cents":"5"}}`, `{"detail":{"@type":"type.example.com/store.v1.Price","cents":5}}`},
	{"store.v1.Store/Put", `{"detail":{"@type":"x/google.protobuf.Duration","value":"3s"}}`, `{"detail":{"@type":"y/google.protobuf.Duration","value":"3s"}}`},
	{"store.v1.Store/Put", `{"detail":{"@type":"x/google.protobuf.Any","value":{"@type":"x/store.v1.Price","currency":"y"}}}`, `{"detail":{"@type":"x/google.protobuf.Any","value":{"@type":"x/store.v1.Price","currency":"y"}}}`},
	{"store.v1.Store/Put", `{"attachments":[{"@type":"x/store.v1.Item","voucher":"v","names":{"2":"","1":""}}]}`, `{"attachments":[{"@type":"x/store.v1.Item","voucher":"v"}]}`},
	{"store.v1.Store/Put", `{"shown":"a.b","shelfLife":"1.5s","added":"2026-01-02T03:04:05Z","limit":"0","extra":{"a":[1,null]},"anything":null}`, `{"shown":"a.b","shelfLife":"1.500s","limit":0,"anything":null,"extra":{"a":[1,null]}}`},
	{"store.v1.Store/Put", `{"picture":"-_8=","weight":"NaN"}`, `{"picture":"+/8="}`},
	{"store.v1.Store/Put", `{"stock":1e3}`, `{"stock":"1000"}`},
	{"store.v1.Store/Text", `"hello"`, `"hello"`},
	{"store.v1.Store/Text", `""`, `""`},
	{"store.v1.Store/When", `"2026-01-02T03:04:05.5Z"`, `"2026-01-02T03:04:05.500Z"`},
	{"store.v1.Store/Wait", `"1.5s"`, `"1.500s"`},
	{"store.v1.Store/Mask", `"a.b,c"`, `"a.b,c"`},
	{"store.v1.Store/Free", `{"a":{"b":[true]}}`, `{"a":{"b":[true]}}`},
	{"store.v1.Store/Wrap", `{"@type":"x/store.v1.Price","cents":"7"}`, `{"@type":"x/store.v1.Price","cents":"7"}`},
	{"edition.v1.Notes/Put", `{"text":"a","plain":[1,2,3],"inner":{"depth":4}}`, `{"plain":[1,2,3],"level":0,"inner":{"depth":4}}`},
	{"old.v1.Forms/Send", `{"name":"a","home":{"street":"b"},"[old.v1.tag]":"c"}`, `{"home":{"street":"b"},"[old.v1.tag]":"c","age":null}`},
}

// Wherever the descriptors come from, a method is called with the same bytes,
// by our loops and by ghz.
func TestSources(t *testing.T) {
	o := serveOdd(t, protos, reflectV1|reflectV1Alpha, codes.Unimplemented)
	files := strings.Join([]string{"store.proto", "edition.proto", "old.proto"}, ", ")
	protoset := writeProtoset(t, o, "store", "price", "edition", "old") // without protobuf's own
	for _, r := range oddRequests {
		t.Run(r.method+" "+r.data, func(t *testing.T) {
			values := map[string]string{knobMethod: r.method, knobData: r.data, knobExpect: r.expect}
			asked := callBoth(t, o, values)
			values[knobProtoset] = protoset
			set := callBoth(t, o, values)
			delete(values, knobProtoset)
			values[knobProto], values[knobImportPaths] = files, protos
			parsed := callBoth(t, o, values)
			if !slices.Equal(asked, set) || !slices.Equal(asked, parsed) {
				t.Errorf("by reflection %x, by a protoset %x, by files %x", asked, set, parsed)
			}
		})
	}
}

// Bytes that could be a row of messages with their lengths before them are one
// message, to ghz too.
func TestLookLikeFrames(t *testing.T) {
	o := serveOdd(t, protos, reflectV1, codes.Unimplemented)
	for data, want := range map[string]string{
		`{}`:                       "",
		`"tttttttttt"`:             "\x0a\x0atttttttttt",   // 10 bytes of length 10, …
		`"\u0000\u0000\u0000"`:     "\x0a\x03\x00\x00\x00", // …, empty frames
		`"\u0008\u0000\u0000aaaa"`: "\x0a\x07\x08\x00\x00aaaa",
	} {
		method := "store.v1.Store/Text"
		if data == "{}" {
			method = "store.v1.Store/Put"
		}
		if got := callBoth(t, o, map[string]string{knobMethod: method, knobData: data}); string(got) != want {
			t.Errorf("%s: %q", data, got)
		}
	}
}

// Every driver sends the same metadata, whatever ghz would make of templates
// and of base64.
func TestMetadata(t *testing.T) {
	o := serveOdd(t, protos, reflectV1, codes.Unimplemented)
	const text = `{"Key":"{{.RequestNumber}}","a-bin":"AP_-","b-bin":"AP/+AA==","c-bin":""}`
	values := map[string]string{knobMethod: "store.v1.Store/Put", knobMetadata: text}
	callBoth(t, o, values) // compares
	p, err := ready(t, o, values)
	if err != nil {
		t.Fatal(err)
	}
	p.op()(p.outgoing(t.Context()), 0)
	md := o.arrivals()[0].md
	for key, want := range map[string]string{"key": "{{.RequestNumber}}", "a-bin": "\x00\xff\xfe", "b-bin": "\x00\xff\xfe\x00", "c-bin": "", "content-type": "application/grpc"} {
		if got := md[key]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

// The older reflection service is asked whatever the newer one's refusal is.
func TestOlderReflection(t *testing.T) {
	for _, code := range []codes.Code{codes.NotFound, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.Unauthenticated, codes.PermissionDenied} {
		o := serveOdd(t, protos, reflectV1Alpha, code)
		if _, err := ready(t, o, map[string]string{knobMethod: "store.v1.Store/Put", knobData: `{"detail":{"@type":"x/store.v1.Price"}}`}); err != nil {
			t.Errorf("%v: %v", code, err)
		}
	}
	o := serveOdd(t, "", 0, codes.Unavailable)
	if _, err := ready(t, o, map[string]string{knobMethod: "store.v1.Store/Put"}); err == nil || !strings.Contains(err.Error(), "v1alpha: ") || !strings.Contains(err.Error(), "--protoset") {
		t.Errorf("without reflection: %v", err)
	}
}

// Files are found as protoc finds them.
func TestFileNames(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for path, text := range map[string]string{
		"api/shop/v1/shop.proto":   "syntax = \"proto3\"; package shop.v1; import \"money/money.proto\"; message Ask {} service Shop { rpc Price(Ask) returns (money.Money); }",
		"api/money/money.proto":    "syntax = \"proto3\"; package money; message Money { int64 cents = 1; }",
		"other/shop/v1/shop.proto": "syntax = \"proto3\"; package other;",
		"flat/flat.proto":          "syntax = \"proto3\"; package shop.v1; import \"part.proto\"; service Shop { rpc Price(Part) returns (Part); }",
		"flat/part.proto":          "syntax = \"proto3\"; package shop.v1; message Part {}",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ file, folders, refusal string }{
		{"shop/v1/shop.proto", "api", ""},
		{"api/shop/v1/shop.proto", "api", ""},
		{"./api/shop/v1/../v1/shop.proto", "api/", ""},
		{filepath.Join(dir, "api/shop/v1/shop.proto"), "api", ""},
		{filepath.Join(dir, "api/shop/v1/shop.proto"), filepath.Join(dir, "api"), ""},
		{"shop.proto", "api/shop/v1, api", ""},
		{"shop.proto", " api/shop/v1 ,, api ", ""},
		{"api/shop/v1/shop.proto", "api,other", ""},
		{"flat/flat.proto", "api", ""}, // in no import path: its own folder counts
		{filepath.Join(dir, "flat/flat.proto"), "api", ""},
		{" flat/part.proto , flat/flat.proto", "flat", ""},
		{"api/shop/v1/shop.proto", "other,api", "is hidden by other/shop/v1/shop.proto"},
		{"api/shop/v1/shop.proto", ".", "money/money.proto"},
		{"shop.proto", "api", "there is no file shop.proto, neither here nor in the import paths api"},
		{filepath.Join(dir, "shop.proto"), "api", "there is no file " + dir},
		{"money/money.proto", "api", `service "shop.v1.Shop" is not one of`},
	} {
		_, err := newSource(c.file, c.folders, "").find(t.Context(), nil, "shop.v1.Shop/Price")
		if (err == nil) != (c.refusal == "") || err != nil && !strings.Contains(err.Error(), c.refusal) {
			t.Errorf("--proto %s --import-paths %s: %v; want %q", c.file, c.folders, err, c.refusal)
		}
	}
}

// A server that leaves out a file which only options need is called all the same.
func TestMissingImport(t *testing.T) {
	o := serveOdd(t, "", reflectV1, codes.Unimplemented)
	fd, err := protodesc.FileOptions{AllowUnresolvable: true}.New(&descriptorpb.FileDescriptorProto{
		Name: new("lean.proto"), Package: new("lean.v1"), Syntax: new("proto3"), Dependency: []string{"vendor/options.proto"},
		MessageType: []*descriptorpb.DescriptorProto{{Name: new("Nothing")}},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: new("Lean"), Method: []*descriptorpb.MethodDescriptorProto{
			{Name: new("Do"), InputType: new(".lean.v1.Nothing"), OutputType: new(".lean.v1.Nothing")},
		}}},
	}, o.files)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.files.RegisterFile(fd); err != nil {
		t.Fatal(err)
	}
	callBoth(t, o, map[string]string{knobMethod: "lean.v1.Lean/Do"})
}

// What cannot be called is refused with the reason and a way out.
func TestRefusals(t *testing.T) {
	o := serveOdd(t, protos, reflectV1, codes.Unimplemented)
	bare := writeProtoset(t, o, "store")
	put := "store.v1.Store/Put"
	for _, c := range []struct {
		want   string
		values map[string]string
	}{
		{"takes one request", map[string]string{knobMethod: "store.v1.Store/Watch", knobMessageRate: "5"}},
		{"is no stream", map[string]string{knobMethod: put, knobMessages: "5"}},
		{"one of that name is store.v1.Store", map[string]string{knobMethod: "Store/Put"}},
		{"one of that name is store.v1.Store", map[string]string{knobMethod: "shop.store/Put"}},
		{`did you mean store.v1.Store/Put?`, map[string]string{knobMethod: "store.v1.Store.Put"}},
		{"are looked up where the method is described", map[string]string{knobMethod: put, knobData: `{"detail":{"@type":"x/store.v1.Prize"}}`}},
		{"are looked up where the method is described", map[string]string{knobMethod: put, knobExpect: `{"detail":{"@type":"x/store.v1.Prize"}}`}},
		{"required field old.v1.Form.name not set", map[string]string{knobMethod: "old.v1.Forms/Send", knobData: `{"age":1}`}},
		{"--data is not a google.protobuf.StringValue", map[string]string{knobMethod: "store.v1.Store/Text", knobData: `5`}},
		{"--expect is not a google.protobuf.Duration", map[string]string{knobMethod: "store.v1.Store/Wait", knobData: `"1s"`, knobExpect: `"1"`}},
		{"is not JSON", map[string]string{knobMethod: "store.v1.Store/Text", knobData: `hello`}},
		{"give one of them", map[string]string{knobProto: "a.proto", knobProtoset: "a.pb"}},
		{"was it written with --include_imports?", map[string]string{knobMethod: put, knobProtoset: bare}},
		{"is no set of file descriptors", map[string]string{knobProtoset: filepath.Join(protos, "store.proto")}},
		{"no such file", map[string]string{knobProtoset: "nowhere.pb"}},
		{"is not base64", map[string]string{knobMetadata: `{"a-bin":"?"}`}},
		{"is gRPC's own", map[string]string{knobMetadata: `{"Grpc-Timeout":"1S"}`}},
		{"characters other than", map[string]string{knobMetadata: `{"a b":"c"}`}},
		{"given twice", map[string]string{knobMetadata: `{"A":"c","a":"d"}`}},
		{"use a key that ends in -bin", map[string]string{knobMetadata: `{"a":"é"}`}},
	} {
		if _, err := ready(t, o, c.values); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v; want %q", c.values, err, c.want)
		}
	}
}

// An answer is held against what is expected, wherever the sender differs from
// us in ways that mean nothing, and where it means something.
func TestAnswers(t *testing.T) {
	o := serveOdd(t, protos, reflectV1, codes.Unimplemented)
	const price = "\x12\x01y\x08\x05" // its fields the other way round
	const detail = "\x0a\x10x/store.v1.Price\x12\x05" + price
	o.answer = append([]byte{0x42, byte(len(detail))}, detail...)
	for expect, want := range map[string]string{
		`{"detail":{"@type":"z/store.v1.Price","cents":"5","currency":"y"}}`: "",
		`{"detail":{"@type":"x/store.v1.Price"}}`:                            "",
		`{"detail":{"@type":"x/store.v1.Price","cents":"6"}}`:                "detail.cents is 5, want 6",
		`{"detail":{"@type":"x/store.v1.Item"}}`:                             `detail holds "store.v1.Price", want a store.v1.Item`,
		`{"detail":{}}`:                                                      "", // it is set
		`{"limit":"0"}`:                                                      "limit is not set",
	} {
		p, err := ready(t, o, map[string]string{knobMethod: "store.v1.Store/Put", knobExpect: expect})
		if err != nil {
			t.Fatal(err)
		}
		_, outcome := p.op()(context.Background(), 0)
		if (outcome == record.OK) != (want == "") || !strings.HasPrefix(p.firstWrong, want) || (p.errors.String() == "") != (want == "") {
			t.Errorf("%s: %v, %s %s; want %q", expect, outcome, p.firstWrong, p.errors.String(), want)
		}
	}
	o.answer = []byte("\x0a\x03bye")
	p, err := ready(t, o, map[string]string{knobMethod: "store.v1.Store/Text", knobData: `"hello"`, knobExpect: `"hello"`})
	if err != nil {
		t.Fatal(err)
	}
	if _, outcome := p.op()(t.Context(), 0); outcome == record.OK || p.firstWrong != `the answer is "bye", want "hello"` {
		t.Errorf("%v, %s", outcome, p.firstWrong)
	}
}
