package target

import (
	"encoding/json"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"dyno/systems"
)

// expectation is what an answer must say, with the extensions that it names.
type expectation struct {
	pattern
	of         protoreflect.MessageDescriptor
	extensions *protoregistry.Types
	right      right
}

// mismatch says where an answer differs; empty when it does not.
func (e *expectation) mismatch(got protoreflect.Message) string {
	m := e.pattern.mismatch(got)
	if field, ok := strings.CutPrefix(m, "."); ok {
		return field
	}
	if m != "" {
		return "the answer" + m
	}
	return ""
}

// parseExpect reads what is expected of answers of a type.
func parseExpect(text string, of protoreflect.MessageDescriptor, known types) (*expectation, error) {
	e := &expectation{of: of, extensions: new(protoregistry.Types)}
	msg := dynamicpb.NewMessage(of)
	if err := (protojson.UnmarshalOptions{Resolver: known, AllowPartial: true}).Unmarshal([]byte(text), msg); err != nil {
		return nil, systems.Usagef("expect is not a %s: %w%s", of.FullName(), err, anyHint(err))
	}
	var tree any
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		return nil, systems.Usagef("expect: %w", err)
	}
	var err error
	if e.pattern, err = (&compiler{types: known, extensions: e.extensions}).message(tree, msg); err != nil {
		return nil, systems.Usagef("expect: %w", err)
	}
	if n, ok := e.pattern.(named); ok && len(n) == 0 {
		return nil, systems.Usagef("expect %s names no field, so every answer would do; leave it out to say that answers are not checked", text)
	}
	return e, nil
}

// compiler makes patterns of JSON, and of the message that the same JSON is:
// the one has the names, since a field that has its default value is not in
// the message; the other has the values.
type compiler struct {
	types      types
	extensions *protoregistry.Types // that were named
}

func (c *compiler) message(tree any, msg protoreflect.Message) (pattern, error) {
	fields, ok := tree.(map[string]any)
	switch name := msg.Descriptor().FullName(); {
	case name == "google.protobuf.Any" && len(fields) > 0:
		return c.packed(fields, msg)
	case whole[name] || !ok:
		return entire{msg}, nil
	}
	p := named{}
	for name, sub := range fields {
		fd, err := c.field(msg.Descriptor(), name)
		if err != nil {
			return nil, err
		}
		w := wanted{field: fd, value: msg.Get(fd), absent: sub == nil && !holdsNull(fd)}
		if fd.Message() != nil && !w.absent {
			if err := c.nest(&w, sub); err != nil {
				return nil, err
			}
		}
		p = append(p, w)
	}
	return p, nil
}

func (c *compiler) field(of protoreflect.MessageDescriptor, name string) (protoreflect.FieldDescriptor, error) {
	if fd := of.Fields().ByJSONName(name); fd != nil {
		return fd, nil
	}
	if fd := of.Fields().ByTextName(name); fd != nil {
		return fd, nil
	}
	full := strings.Trim(name, "[]")
	xt, err := c.extensions.FindExtensionByName(protoreflect.FullName(full))
	if err == nil {
		return xt.TypeDescriptor(), nil
	}
	if xt, err = c.types.FindExtensionByName(protoreflect.FullName(full)); err == nil {
		err = c.extensions.RegisterExtension(xt)
	}
	if err != nil {
		return nil, fmt.Errorf("the extension %s of %s: %w", name, of.FullName(), err)
	}
	return xt.TypeDescriptor(), nil
}

// nest makes the patterns of the messages in a field.
func (c *compiler) nest(w *wanted, sub any) (err error) {
	switch {
	case w.field.IsMap():
		if w.field.MapValue().Message() == nil {
			return nil
		}
		tree, _ := sub.(map[string]any)
		w.entries = map[string]pattern{}
		w.value.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			w.entries[k.String()], err = c.message(tree[k.String()], v.Message())
			return err == nil
		})
	case w.field.IsList():
		items, _ := sub.([]any)
		w.items = make([]pattern, len(items))
		for i, item := range items {
			if w.items[i], err = c.message(item, w.value.List().Get(i).Message()); err != nil {
				return err
			}
		}
	default:
		w.nested, err = c.message(sub, w.value.Message())
	}
	return err
}

// packed is the pattern of what an Any holds.
func (c *compiler) packed(tree map[string]any, holder protoreflect.Message) (pattern, error) {
	url, value := anyFields(holder)
	t, err := c.types.FindMessageByURL(url)
	if err != nil {
		return nil, fmt.Errorf("the type %s of an Any: %w", url, err)
	}
	msg := dynamicpb.NewMessage(t.Descriptor())
	if err := (proto.UnmarshalOptions{Resolver: c.types, AllowPartial: true}).Unmarshal(value, msg); err != nil {
		return nil, fmt.Errorf("the %s in an Any: %w", url, err)
	}
	var content any
	if name := msg.Descriptor().FullName(); whole[name] || name == "google.protobuf.Any" {
		content = tree["value"]
	} else {
		delete(tree, "@type")
		content = tree
	}
	p, err := c.message(content, msg)
	return packed{of: msg.Descriptor(), content: p, extensions: c.extensions}, err
}

// whole are the messages whose JSON is not an object of their fields.
var whole = map[protoreflect.FullName]bool{}

func init() {
	for name := range strings.FieldsSeq("DoubleValue FloatValue Int64Value UInt64Value Int32Value UInt32Value BoolValue StringValue " +
		"BytesValue " +
		"Duration FieldMask ListValue Struct Timestamp Value") {
		whole[wellKnownPackage+protoreflect.FullName(name)] = true
	}
}

// holdsNull says that null is a value of a field like any other.
func holdsNull(fd protoreflect.FieldDescriptor) bool {
	return fd.Message() != nil && fd.Message().FullName() == wellKnownPackage+"Value" ||
		fd.Enum() != nil && fd.Enum().FullName() == wellKnownPackage+"NullValue"
}
