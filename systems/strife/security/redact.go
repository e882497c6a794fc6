package security

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

const (
	hidden      = "[hidden]"
	maxRendered = 1024 // bytes of a message in a log line
)

// Redacted renders a message for a log: without the fields that its definition
// marks with debug_redact, and not beyond a kilobyte.
func Redacted(m proto.Message) string {
	r := m.ProtoReflect()
	if !r.IsValid() {
		return ""
	}
	return string(appendMessage(make([]byte, 0, 128), r))
}

// field is what is to be known of a field to render it.
type field struct {
	protoreflect.FieldDescriptor
	label  string
	hidden bool
}

// plans are the fields of each type of message that was rendered, by name.
var plans sync.Map

func planOf(d protoreflect.MessageDescriptor) []field {
	if p, ok := plans.Load(d.FullName()); ok {
		return p.([]field)
	}
	var plan []field
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		o, _ := f.Options().(*descriptorpb.FieldOptions)
		plan = append(plan, field{f, string(f.Name()) + ":", o.GetDebugRedact() || f.IsMap()})
	}
	plans.Store(d.FullName(), plan)
	return plan
}

func appendMessage(b []byte, m protoreflect.Message) []byte {
	first := len(b)
	for _, f := range planOf(m.Descriptor()) {
		if !m.Has(f.FieldDescriptor) {
			continue
		}
		if len(b) > maxRendered {
			return append(b, "…"...)
		}
		if len(b) > first {
			b = append(b, ' ')
		}
		b = append(b, f.label...)
		v := m.Get(f.FieldDescriptor)
		switch {
		case f.hidden:
			b = append(b, hidden...)
		case f.IsList():
			b = append(b, '[')
			for i := 0; i < v.List().Len() && len(b) <= maxRendered; i++ {
				b = append(appendValue(b, f, v.List().Get(i)), ' ')
			}
			b = append(b, ']')
		default:
			b = appendValue(b, f, v)
		}
	}
	return b
}

func appendValue(b []byte, f field, v protoreflect.Value) []byte {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return append(appendMessage(append(b, '{'), v.Message()), '}')
	case protoreflect.EnumKind:
		if e := f.Enum().Values().ByNumber(v.Enum()); e != nil {
			return append(b, e.Name()...)
		}
		return strconv.AppendInt(b, int64(v.Enum()), 10)
	case protoreflect.StringKind:
		if text := v.String(); CheckName("", text) != nil {
			return strconv.AppendQuote(b, text)
		}
		return append(b, v.String()...)
	case protoreflect.BytesKind:
		return append(strconv.AppendInt(b, int64(len(v.Bytes())), 10), "B"...)
	default:
		return append(b, v.String()...)
	}
}

// KeyHash is short for a user's key, in logs and audits: the key itself is the
// user's own matter.
func KeyHash(user, key string) string {
	sum := sha256.Sum256([]byte(user + "\x00" + key))
	return hex.EncodeToString(sum[:8])
}

// AccountHash is short for an account there.
func AccountHash(bank, number string) string {
	if number == "" {
		return bank
	}
	sum := sha256.Sum256([]byte(bank + "\x00" + number))
	return bank + "/" + hex.EncodeToString(sum[:4])
}
