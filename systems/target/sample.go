package target

import (
	_ "embed"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

//go:embed init.yaml.tmpl
var initText string

// Fill fills in a text template with a function quote, and is linked as [Compile] is.
var Fill func(w io.Writer, text string, data any) error

// maxDepth bounds what is filled in of messages within messages.
const maxDepth = 4

// sample is a request, in JSON, that has something in every field.
func (m *method) sample() string {
	msg := dynamicpb.NewMessage(m.Input())
	fillIn(msg, 0)
	text, err := protojson.MarshalOptions{Resolver: m.types}.Marshal(msg)
	if err != nil {
		return "{}" // a well-known type that takes no such value
	}
	out, err := compact(string(text))
	if err != nil {
		return "{}"
	}
	return out
}

// fillIn sets every field, of a oneof the first.
func fillIn(msg protoreflect.Message, depth int) {
	fields := msg.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if o := f.ContainingOneof(); o != nil && msg.WhichOneof(o) != nil ||
			f.Message() != nil && f.Message().FullName() == "google.protobuf.Any" {
			continue
		}
		if f.Message() != nil && !f.IsMap() && depth >= maxDepth {
			continue
		}
		switch {
		case f.IsMap():
			entries := msg.Mutable(f).Map()
			value := entries.NewValue()
			if f.MapValue().Message() == nil {
				value = scalar(f.MapValue())
			} else if depth < maxDepth {
				fillIn(value.Message(), depth+1)
			}
			entries.Set(scalar(f.MapKey()).MapKey(), value)
		case f.IsList() && f.Message() != nil:
			fillIn(msg.Mutable(f).List().AppendMutable().Message(), depth+1)
		case f.IsList():
			msg.Mutable(f).List().Append(scalar(f))
		case f.Message() != nil:
			fillIn(msg.Mutable(f).Message(), depth+1)
		default:
			msg.Set(f, scalar(f))
		}
	}
}

// scalar is a value that a service may take: 1, a name, the first one of an enum
// that says something.
func scalar(f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		values := f.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(min(1, values.Len()-1)).Number())
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(string(f.Name()))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(f.Name()))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(1)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(1)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(1)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(1)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(1)
	}
	return protoreflect.ValueOfInt64(1)
}

// drifts says whether a message has times, which the next call may change.
func drifts(of protoreflect.MessageDescriptor, depth int) bool {
	if n := of.FullName(); n == "google.protobuf.Timestamp" || n == "google.protobuf.Duration" {
		return true
	}
	for i := range of.Fields().Len() {
		if m := of.Fields().Get(i).Message(); m != nil && depth < maxDepth && drifts(m, depth+1) {
			return true
		}
	}
	return false
}

// fields are those of a message in words, one a line: "name: string".
func fields(of protoreflect.MessageDescriptor) (out []string) {
	for i := range of.Fields().Len() {
		f := of.Fields().Get(i)
		kind := f.Kind().String()
		switch {
		case f.IsMap():
			kind = fmt.Sprintf("map of %v to %v", f.MapKey().Kind(), f.MapValue().Kind())
		case f.Message() != nil:
			kind = string(f.Message().FullName())
		case f.Enum() != nil:
			kind = string(f.Enum().FullName())
		}
		if f.IsList() {
			kind = "list of " + kind
		}
		out = append(out, f.JSONName()+": "+kind)
	}
	return out
}
