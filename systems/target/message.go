package target

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"dyno/bench/driver"
	"dyno/systems"
)

// request is the message that the data says, encoded once for all drivers.
func (m *method) request(data string) ([]byte, error) {
	req := dynamicpb.NewMessage(m.Input())
	if err := (protojson.UnmarshalOptions{Resolver: m.types}).Unmarshal([]byte(data), req); err != nil {
		return nil, systems.Usagef("--data is not a %s: %w%s", m.Input().FullName(), err, anyHint(err))
	}
	b, err := driver.Encode(req)
	if err != nil {
		return nil, systems.Usagef("--data: %w", err)
	}
	return b, nil
}

// anyHint says where the types of an Any come from.
func anyHint(err error) string {
	if strings.Contains(err.Error(), "unable to resolve") {
		return " (messages in an Any are looked up where the method is described: by reflection, in --proto with its imports, or in --protoset)"
	}
	return ""
}

// encoded is gRPC's codec for calls whose request is encoded already. Answers
// are decoded with the extensions that expect names.
type encoded struct{ extensions *protoregistry.Types }

// Name is what the wire says of the encoding: nothing, as of gRPC's own.
func (encoded) Name() string { return "" }

func (encoded) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("a request is a %T, want bytes", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(b)}, nil
}

func (c encoded) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("an answer is a %T, want a message", v)
	}
	b := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer b.Free()
	return proto.UnmarshalOptions{Resolver: c.extensions}.Unmarshal(b.ReadOnlyData(), m)
}

var metadataKey = regexp.MustCompile(`^[0-9a-z_.-]+$`)

// parseMetadata reads what is sent with every call. Binary values, of keys that
// end in -bin, are written in base64, as for grpcurl and ghz.
func parseMetadata(text string) (map[string]string, error) {
	given, md := map[string]string{}, map[string]string{}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &given); err != nil {
			return nil, systems.Usagef("--metadata %s: want an object of strings: %w", text, err)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		lower, value := strings.ToLower(key), given[key]
		_, twice := md[lower]
		switch {
		case twice:
			return nil, systems.Usagef("--metadata: %s is given twice (upper and lower case are the same)", lower)
		case !metadataKey.MatchString(lower):
			return nil, systems.Usagef("--metadata: the key %q has characters other than letters, digits and _ . -", key)
		case strings.HasPrefix(lower, "grpc-") || slices.Contains([]string{"content-type", "te", "user-agent"}, lower):
			return nil, systems.Usagef("--metadata: the key %s is gRPC's own and would not be sent; leave it out", lower)
		case strings.HasSuffix(lower, "-bin"):
			b, err := fromBase64(value)
			if err != nil {
				return nil, systems.Usagef("--metadata: the value of %s is not base64, as those of keys that end in -bin are to be: %w", lower, err)
			}
			value = string(b)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
			return nil, systems.Usagef("--metadata: the value of %s is not printable ASCII; use a key that ends in -bin and base64", lower)
		}
		md[lower] = value
	}
	return md, nil
}

// fromBase64 takes both alphabets, with padding and without.
func fromBase64(text string) ([]byte, error) {
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	return base64.RawStdEncoding.DecodeString(plain)
}
