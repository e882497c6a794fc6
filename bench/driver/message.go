package driver

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Encode turns a message into the bytes that every driver sends. They are in
// one order: fields by number, as ghz writes them, and entries of maps by key.
// A required field that is not set is an error.
func Encode(m proto.Message) ([]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode a %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	type field struct {
		number protowire.Number
		bytes  []byte
	}
	var fields []field
	for rest := b; len(rest) > 0; {
		number, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			return nil, fmt.Errorf("encode a %s: %w", m.ProtoReflect().Descriptor().FullName(), protowire.ParseError(n))
		}
		fields = append(fields, field{number, rest[:n]})
		rest = rest[n:]
	}
	slices.SortStableFunc(fields, func(a, b field) int { return cmp.Compare(a.number, b.number) })
	sorted := make([]byte, 0, len(b))
	for _, f := range fields {
		sorted = append(sorted, f.bytes...)
	}
	return sorted, nil
}

// delimited puts a message's length before it. ghz takes any binary data for
// a row of such frames if it can, and cuts it up; one frame is one message.
func delimited(message []byte) ([]byte, error) {
	opaque := new(emptypb.Empty)
	opaque.ProtoReflect().SetUnknown(message)
	var frame bytes.Buffer
	if _, err := protodelim.MarshalTo(&frame, opaque); err != nil {
		return nil, fmt.Errorf("frame the request for ghz: %w", err)
	}
	return frame.Bytes(), nil
}

// protoset describes a method to ghz: its answer as it is, its request as a
// message without fields. So ghz keeps what we encoded as it is, whatever its
// library would make of the fields, of the order in a map, or of the edition.
func protoset(m protoreflect.MethodDescriptor) ([]byte, error) {
	set := new(descriptorpb.FileDescriptorSet)
	addFile(set, map[string]bool{}, m.ParentFile())
	own := set.GetFile()[len(set.GetFile())-1] // imports come first
	const opaque = "DynoRequestBytes"
	own.MessageType = append(own.MessageType, &descriptorpb.DescriptorProto{Name: proto.String(opaque)})
	service := own.GetService()[m.Parent().Index()]
	service.GetMethod()[m.Index()].InputType = new(strings.TrimSuffix("."+own.GetPackage(), ".") + "." + opaque)
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
