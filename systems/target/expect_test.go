package target

import (
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Descriptors and Structs have every kind of field at hand: nested, repeated,
// enums, maps, with presence and without.
func TestExpect(t *testing.T) {
	file := `{"name": "a.proto", "dependency": ["b", "c"], "options": {"javaPackage": "p", "optimizeFor": "SPEED"},
		"messageType": [{"name": "M", "field": [{"name": "f", "number": 1}]}, {"name": "N"}]}`
	for expect, want := range map[string]string{
		`{"name": "a.proto"}`:                                          "",
		`{"name": "b.proto"}`:                                          "name is a.proto, want b.proto",
		`{"package": ""}`:                                              "package is not set",
		`{"package": null, "name": "a.proto"}`:                         "",
		`{"name": null}`:                                               "name is a.proto, want it not set",
		`{"dependency": ["b", "c"]}`:                                   "",
		`{"dependency": ["c", "b"]}`:                                   "dependency is",
		`{"dependency": []}`:                                           "dependency is",
		`{"options": {}}`:                                              "",
		`{"sourceCodeInfo": {}}`:                                       "is not set",
		`{"options": {"optimize_for": "SPEED"}}`:                       "",
		`{"options": {"optimizeFor": "CODE_SIZE"}}`:                    "options.optimize_for is 1, want 2",
		`{"messageType": [{"name": "M"}, {}]}`:                         "",
		`{"messageType": [{"name": "M"}]}`:                             "message_type has 2 items, want 1",
		`{"messageType": [{"field": [{"number": 1}]}, {"name": "O"}]}`: "message_type[1].name is N, want O",
		`{"messageType": [{"field": [{"number": 2}]}, {"name": "N"}]}`: "message_type[0].field[0].number is 1, want 2",
	} {
		check(t, new(descriptorpb.FileDescriptorProto), file, expect, want)
	}
	for expect, want := range map[string]string{
		`{"metadata": {"a": "1"}}`:           "",
		`{"metadata": {"a": "2"}}`:           "metadata[a] is 1, want 2",
		`{"metadata": {"a": "1", "c": "1"}}`: "metadata[c] is missing",
	} {
		check(t, new(errdetails.ErrorInfo), `{"metadata": {"a": "1", "b": "2"}}`, expect, want)
	}
	for expect, want := range map[string]string{
		`{"retryDelay": "1.5s"}`: "",
		`{"retryDelay": "2s"}`:   "retry_delay is",
		`{"retryDelay": null}`:   "want it not set",
	} {
		check(t, new(errdetails.RetryInfo), `{"retryDelay": "1.500s"}`, expect, want)
	}
}

func check(t *testing.T, of proto.Message, answer, expect, want string) {
	t.Helper()
	p, err := parseExpect(expect, of.ProtoReflect().Descriptor(), withWellKnown{protoregistry.GlobalTypes})
	if err != nil {
		t.Errorf("%s: %v", expect, err)
		return
	}
	got := dynamicpb.NewMessage(of.ProtoReflect().Descriptor())
	if err := protojson.Unmarshal([]byte(answer), got); err != nil {
		t.Fatal(err)
	}
	if m := p.mismatch(got); (m == "") != (want == "") || !strings.Contains(m, want) {
		t.Errorf("%s: %q, want %q", expect, m, want)
	}
}
