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

// Edition 2024 works where the descriptors are made already, or protoc makes
// them, and is refused clearly where they would have to be made here.
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
	path := filepath.Join(t.TempDir(), "e24.proto")
	if err := os.WriteFile(path, []byte(`edition = "2024"; package e24.v1; message Note {} service Notes { rpc Put(Note) returns (Note); }`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir())
	_, err = newSource(path, "", "").find(t.Context(), nil, "e24.v1.Notes/Put")
	if err == nil || !strings.Contains(err.Error(), `"2024"`) || !strings.Contains(err.Error(), "of a version that knows them") {
		t.Error(err)
	}
	// A protoc that knows it, as far as the outside shows.
	script := "#!/bin/sh\n[ \"$*\" = \"--include_imports --descriptor_set_out=/dev/stdout --proto_path=. --proto_path=" + filepath.Dir(path) +
		" e24.proto\" ] || { echo unknown edition >&2; exit 1; }\nexec /bin/cat " + values[knobProtoset] + "\n"
	if err := os.WriteFile(filepath.Join(os.Getenv("PATH"), "protoc"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	delete(values, knobProtoset)
	values[knobProto] = path
	if set := callBoth(t, o, values); !slices.Equal(asked, set) {
		t.Errorf("by reflection %x, by protoc %x", asked, set)
	}
	_, err = newSource(path, filepath.Dir(path), "").find(t.Context(), nil, "e24.v1.Notes/Put")
	if err == nil || !strings.Contains(err.Error(), "protoc: unknown edition") {
		t.Error(err)
	}
}
