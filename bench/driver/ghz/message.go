package ghz

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/emptypb"
)

// protoset describes a method to ghz: its answer as it is, its request as a
// message without fields. So ghz keeps what we encoded as it is, whatever its
// library would make of the fields, of the order in a map, or of the edition.
func protoset(m protoreflect.MethodDescriptor) ([]byte, error) {
	set, seen := new(descriptorpb.FileDescriptorSet), map[string]bool{}
	addFile(set, seen, emptypb.File_google_protobuf_empty_proto)
	addFile(set, seen, m.ParentFile())
	own := set.GetFile()[len(set.GetFile())-1] // imports come first
	empty := (*emptypb.Empty)(nil).ProtoReflect().Descriptor()
	if !slices.Contains(own.GetDependency(), empty.ParentFile().Path()) {
		own.Dependency = append(own.Dependency, empty.ParentFile().Path())
	}
	own.GetService()[m.Parent().Index()].GetMethod()[m.Index()].InputType = new("." + string(empty.FullName()))
	b, err := proto.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("the descriptors of %s: %w", m.FullName(), err)
	}
	return b, nil
}

// addFile adds a file after all that it imports.
func addFile(set *descriptorpb.FileDescriptorSet, seen map[string]bool, fd protoreflect.FileDescriptor) {
	if seen[fd.Path()] {
		return
	}
	seen[fd.Path()] = true
	for i := range fd.Imports().Len() {
		addFile(set, seen, fd.Imports().Get(i).FileDescriptor)
	}
	set.File = append(set.File, protodesc.ToFileDescriptorProto(fd))
}
