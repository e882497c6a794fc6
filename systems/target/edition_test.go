package target

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Edition 2024 works wherever the descriptors come from; what is wrong in a file
// of it is said.
func TestEdition2024(t *testing.T) {
	o := serveOdd(t, protos, reflectV1, codes.Unimplemented)
	fd, err := o.files.FindFileByPath("edition.proto")
	if err != nil {
		t.Fatal(err)
	}
	file := protodesc.ToFileDescriptorProto(fd)
	file.Edition = descriptorpb.Edition_EDITION_2024.Enum()
	file.Name, file.Package = new("e24.proto"), new("e24.v1")
	file.Service[0].Method[0].InputType, file.Service[0].Method[0].OutputType = new(".e24.v1.Note"), new(".e24.v1.Note")
	file.MessageType[0].Field[3].TypeName = new(".e24.v1.Note.Inner")
	newer, err := protodesc.NewFile(file, o.files)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.files.RegisterFile(newer); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{knobMethod: "e24.v1.Notes/Put", knobData: `{"text":"a","inner":{"depth":4}}`, knobExpect: `{"text":"a","level":0}`}
	asked := callBoth(t, o, values)
	values[knobProtoset] = writeProtoset(t, o, "")
	if set := callBoth(t, o, values); !slices.Equal(asked, set) {
		t.Errorf("by reflection %x, by a protoset %x", asked, set)
	}
	text := strings.ReplaceAll(noteProto, "EDITION", "2024")
	delete(values, knobProtoset)
	values[knobProto] = saved(t, "e24.proto", text)
	if parsed := callBoth(t, o, values); !slices.Equal(asked, parsed) {
		t.Errorf("by reflection %x, by the .proto file %x", asked, parsed)
	}
	for text, want := range map[string]string{
		strings.ReplaceAll(noteProto, "EDITION", "2099"):            "2099",
		strings.ReplaceAll(text, "returns (Note)", "returns (Not)"): "e24.proto:",
		strings.ReplaceAll(text, "timestamp.proto", "time.proto"):   "google/protobuf/time.proto",
	} {
		_, err := newSource(saved(t, "e24.proto", text), "", "").find(t.Context(), nil, "e24.v1.Notes/Put")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// noteProto has what edition 2024 brought: visibility.
const noteProto = `edition = "EDITION";
package e24.v1;
import "google/protobuf/timestamp.proto";
message Note {
  string text = 1;
  int32 level = 2 [features.field_presence = IMPLICIT];
  repeated int32 plain = 3 [features.repeated_field_encoding = EXPANDED];
  local message Inner { int32 depth = 1; }
  Inner inner = 4 [features.message_encoding = DELIMITED];
  google.protobuf.Timestamp at = 5;
}
service Notes { rpc Put(Note) returns (Note); }
`

func saved(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
