package target

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// pattern is what a message must say.
type pattern interface {
	// mismatch says where a message differs, to be put behind the message's
	// name; empty when it does not.
	mismatch(got protoreflect.Message) string
}

// named wants the fields that are named, and cares for no others.
type named []wanted

// wanted is what one field must say.
type wanted struct {
	field  protoreflect.FieldDescriptor
	absent bool               // null: the field must not be set
	value  protoreflect.Value // compared whole, unless one of the next three is set

	nested  pattern            // of a message
	items   []pattern          // of a list of messages
	entries map[string]pattern // of a map of messages: of those that are named
}

// entire is compared whole: the well-known types that JSON writes in their own ways.
type entire struct{ protoreflect.Message }

// packed wants an Any to hold a message of a type. Its bytes may differ: the
// order of fields in them is the sender's.
type packed struct {
	of         protoreflect.MessageDescriptor
	content    pattern
	extensions *protoregistry.Types
}

func (p named) mismatch(got protoreflect.Message) string {
	for _, w := range p {
		if m := w.mismatch(got); m != "" {
			return "." + string(w.field.Name()) + m
		}
	}
	return ""
}

func (p entire) mismatch(got protoreflect.Message) string {
	if proto.Equal(got.Interface(), p.Interface()) {
		return ""
	}
	return fmt.Sprintf(" is %s, want %s", text(got), text(p.Message))
}

func (p packed) mismatch(got protoreflect.Message) string {
	url, value := anyFields(got)
	name := url[strings.LastIndex(url, "/")+1:]
	if name != string(p.of.FullName()) {
		return fmt.Sprintf(" holds %q, want a %s", name, p.of.FullName())
	}
	m := dynamicpb.NewMessage(p.of)
	if err := (proto.UnmarshalOptions{Resolver: p.extensions}).Unmarshal(value, m); err != nil {
		return fmt.Sprintf(" does not hold a %s: %v", name, err)
	}
	return p.content.mismatch(m)
}

// anyFields are the two fields of an Any.
func anyFields(m protoreflect.Message) (url string, value []byte) {
	fields := m.Descriptor().Fields()
	return m.Get(fields.ByNumber(1)).String(), m.Get(fields.ByNumber(2)).Bytes()
}

func (w *wanted) mismatch(msg protoreflect.Message) string {
	got, set := msg.Get(w.field), msg.Has(w.field)
	switch {
	case w.absent:
		if set {
			return fmt.Sprintf(" is %v, want it not set", got)
		}
		return ""
	case w.nested != nil:
		if !set {
			return " is not set"
		}
		return w.nested.mismatch(got.Message())
	case w.items != nil:
		return w.list(got.List())
	case w.field.IsMap():
		return w.mapped(got.Map())
	case w.field.HasPresence() && !set:
		return fmt.Sprintf(" is not set, want %v", w.value)
	case !got.Equal(w.value):
		return fmt.Sprintf(" is %v, want %v", got, w.value)
	}
	return ""
}

func (w *wanted) list(got protoreflect.List) string {
	if got.Len() != len(w.items) {
		return fmt.Sprintf(" has %d items, want %d", got.Len(), len(w.items))
	}
	for i, item := range w.items {
		if m := item.mismatch(got.Get(i).Message()); m != "" {
			return fmt.Sprintf("[%d]%s", i, m)
		}
	}
	return ""
}

// mapped wants the entries that are named.
func (w *wanted) mapped(got protoreflect.Map) (mismatch string) {
	w.value.Map().Range(func(k protoreflect.MapKey, want protoreflect.Value) bool {
		p, isMessage := w.entries[k.String()]
		switch {
		case !got.Has(k):
			mismatch = fmt.Sprintf("[%v] is missing", k)
		case isMessage:
			if m := p.mismatch(got.Get(k).Message()); m != "" {
				mismatch = fmt.Sprintf("[%v]%s", k, m)
			}
		case !got.Get(k).Equal(want):
			mismatch = fmt.Sprintf("[%v] is %v, want %v", k, got.Get(k), want)
		}
		return mismatch == ""
	})
	return mismatch
}

// text is a message for people: as JSON where that works, with its blanks as
// they come out of encoding/json, since those of protojson vary.
func text(m protoreflect.Message) string {
	var compact bytes.Buffer
	if b, err := protojson.Marshal(m.Interface()); err == nil && json.Compact(&compact, b) == nil {
		return compact.String()
	}
	return fmt.Sprint(m.Interface())
}
