package target

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"dyno/systems"
)

// method is what is to be called, and where the types are found that its
// messages may name: in an Any, or as an extension.
type method struct {
	protoreflect.MethodDescriptor
	types types
}

// streams says whether a call of it is a stream, either way.
func (m *method) streams() bool { return m.IsStreamingClient() || m.IsStreamingServer() }

// types finds types by name.
type types interface {
	protoregistry.MessageTypeResolver
	protoregistry.ExtensionTypeResolver
}

// path is how gRPC calls it: /pkg.Service/Method.
func (m *method) path() string {
	return "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
}

// catalog is what a source of descriptors knows.
type catalog struct {
	origin   string // for messages
	services []string
	find     func(protoreflect.FullName) (protoreflect.Descriptor, error)
	types    types
}

// source is where descriptors come from: .proto files, a protoset or, without
// either, the server itself.
type source struct {
	files    []string
	folders  []string // to look for files, and for what they import
	protoset string
}

// newSource reads lists that are joined by commas; blanks around one do not count.
func newSource(files, folders, protoset string) source {
	return source{files: list(files), folders: list(folders), protoset: protoset}
}

func list(text string) (items []string) {
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// find looks a method up. A server is asked until the context ends, also by
// the types of the method.
func (s source) find(ctx context.Context, conn grpc.ClientConnInterface, name string) (*method, error) {
	c, err := s.catalog(ctx, conn)
	if err != nil {
		return nil, err
	}
	service, call, _ := strings.Cut(name, "/")
	sd, err := c.service(service)
	if err != nil {
		return nil, err
	}
	md := sd.Methods().ByName(protoreflect.Name(call))
	if md == nil {
		var names []string
		for i := range sd.Methods().Len() {
			names = append(names, string(sd.Methods().Get(i).Name()))
		}
		return nil, systems.Usagef("method %w of service %s", &systems.ChoiceError{Word: call, Allowed: names}, service)
	}
	return &method{MethodDescriptor: md, types: withWellKnown{c.types}}, nil
}

func (s source) catalog(ctx context.Context, conn grpc.ClientConnInterface) (*catalog, error) {
	switch {
	case len(s.files) > 0 && s.protoset != "":
		return nil, systems.Usagef("--proto and --protoset: give one of them, both say what the service is")
	case len(s.files) > 0:
		return s.parse(ctx)
	case s.protoset != "":
		return readProtoset(s.protoset)
	}
	return ask(ctx, conn)
}

func (c *catalog) service(name string) (protoreflect.ServiceDescriptor, error) {
	d, err := c.find(protoreflect.FullName(name))
	if sd, ok := d.(protoreflect.ServiceDescriptor); ok {
		return sd, nil
	}
	if err != nil && !errors.Is(err, protoregistry.NotFound) {
		return nil, fmt.Errorf("%s: the descriptors of service %s: %w", c.origin, name, err)
	}
	unknown := systems.Usagef("%s: service %w", c.origin, &systems.ChoiceError{Word: name, Allowed: c.services})
	short := func(s string) string { return s[strings.LastIndex(s, ".")+1:] }
	same := slices.IndexFunc(c.services, func(s string) bool { return strings.EqualFold(short(s), short(name)) })
	if same >= 0 && !strings.EqualFold(c.services[same], name) {
		return nil, fmt.Errorf("%w; one of that name is %s", unknown, c.services[same])
	}
	return nil, unknown
}
