package target

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"dyno/systems"
)

// pattern is what an answer must say: of a message the fields that are named,
// and no others. Messages in a field or a list are patterns too; the
// well-known types, which JSON writes in their own ways, and map entries are
// compared whole.
type pattern []wanted

type wanted struct {
	field  protoreflect.FieldDescriptor
	absent bool               // null: the field must not be set
	value  protoreflect.Value // compared whole, unless one of the next two is set
	nested pattern            // of a message
	items  []pattern          // of a list of messages
}

// parseExpect reads what is expected of answers of a type. nil: nothing.
func parseExpect(text string, of protoreflect.MessageDescriptor) (pattern, error) {
	if text == "" {
		return nil, nil
	}
	if whole(of) {
		return nil, systems.Usagef("--expect: an answer that is a %s has no fields to name; leave it out", of.FullName())
	}
	msg := dynamicpb.NewMessage(of)
	if err := protojson.Unmarshal([]byte(text), msg); err != nil {
		return nil, systems.Usagef("--expect is not a %s: %w", of.FullName(), err)
	}
	var tree map[string]any
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		return nil, systems.Usagef("--expect: %w", err)
	}
	if len(tree) == 0 {
		return nil, systems.Usagef("--expect %s names no field, so every answer would do; leave it out to say that answers are not checked", text)
	}
	return compile(tree, msg), nil
}

// compile goes through the names in the JSON, since a field that has its
// default value is not in the message.
func compile(tree map[string]any, msg protoreflect.Message) pattern {
	fields := msg.Descriptor().Fields()
	p := pattern{} // not nil: an empty object wants a message to be set
	for name, sub := range tree {
		fd := fields.ByJSONName(name)
		if fd == nil {
			fd = fields.ByTextName(name)
		}
		w := wanted{field: fd, value: msg.Get(fd), absent: sub == nil && !(fd.Message() != nil && fd.Message().FullName() == "google.protobuf.Value")}
		if fd.Message() != nil && !fd.IsMap() && !whole(fd.Message()) {
			switch sub := sub.(type) {
			case map[string]any:
				w.nested = compile(sub, w.value.Message())
			case []any:
				w.items = make([]pattern, len(sub))
				for i, item := range sub {
					fields, _ := item.(map[string]any)
					w.items[i] = compile(fields, w.value.List().Get(i).Message())
				}
			}
		}
		p = append(p, w)
	}
	return p
}

// whole says that the JSON of a message is not an object of its fields.
func whole(m protoreflect.MessageDescriptor) bool {
	name, ok := strings.CutPrefix(string(m.FullName()), "google.protobuf.")
	return ok && (strings.HasSuffix(name, "Value") || slices.Contains([]string{"Any", "Duration", "FieldMask", "Struct", "Timestamp"}, name))
}

// mismatch says where a message differs; empty when it does not.
func (p pattern) mismatch(got protoreflect.Message) string {
	for _, w := range p {
		if m := w.mismatch(got); m != "" {
			return string(w.field.Name()) + m
		}
	}
	return ""
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
		return within(".", w.nested.mismatch(got.Message()))
	case w.items != nil:
		return w.list(got.List())
	case w.field.IsMap():
		return w.entries(got.Map())
	case w.field.HasPresence() && !set:
		return fmt.Sprintf(" is not set, want %v", w.value)
	case !got.Equal(w.value):
		return fmt.Sprintf(" is %v, want %v", got, w.value)
	}
	return ""
}

func within(separator, mismatch string) string {
	if mismatch == "" {
		return ""
	}
	return separator + mismatch
}

func (w *wanted) list(got protoreflect.List) string {
	if got.Len() != len(w.items) {
		return fmt.Sprintf(" has %d items, want %d", got.Len(), len(w.items))
	}
	for i, item := range w.items {
		if m := item.mismatch(got.Get(i).Message()); m != "" {
			return fmt.Sprintf("[%d].%s", i, m)
		}
	}
	return ""
}

// entries wants those that are named.
func (w *wanted) entries(got protoreflect.Map) (mismatch string) {
	w.value.Map().Range(func(k protoreflect.MapKey, want protoreflect.Value) bool {
		switch {
		case !got.Has(k):
			mismatch = fmt.Sprintf("[%v] is missing", k)
		case !got.Get(k).Equal(want):
			mismatch = fmt.Sprintf("[%v] is %v, want %v", k, got.Get(k), want)
		}
		return mismatch == ""
	})
	return mismatch
}
