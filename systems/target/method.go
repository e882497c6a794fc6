package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jhump/protoreflect/desc"
	"github.com/jhump/protoreflect/desc/protoparse"
	"github.com/jhump/protoreflect/grpcreflect"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"dyno/systems"
)

// method is what is to be called.
type method struct {
	protoreflect.MethodDescriptor
	file *desc.FileDescriptor // with all that it imports
}

// path is how gRPC calls it: /pkg.Service/Method.
func (m *method) path() string {
	return "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
}

// protoset is a FileDescriptorSet of the method, for ghz.
func (m *method) protoset() ([]byte, error) {
	b, err := proto.Marshal(desc.ToFileDescriptorSet(m.file))
	if err != nil {
		return nil, fmt.Errorf("the descriptors of %s: %w", m.path(), err)
	}
	return b, nil
}

// request reads the data of the request.
func (m *method) request(data string) (*dynamicpb.Message, error) {
	req := dynamicpb.NewMessage(m.Input())
	if err := protojson.Unmarshal([]byte(data), req); err != nil {
		return nil, systems.Usagef("--data is not a %s: %w", m.Input().FullName(), err)
	}
	return req, nil
}

// source is where descriptors come from.
type source struct {
	file    string   // a .proto file; empty: ask the server
	folders []string // to look for it, and for what it imports
}

// find looks a method up.
func (s source) find(ctx context.Context, conn grpc.ClientConnInterface, name string) (*method, error) {
	service, call, _ := strings.Cut(name, "/")
	var sd *desc.ServiceDescriptor
	var err error
	if s.file != "" {
		sd, err = s.parse(service)
	} else {
		sd, err = ask(ctx, conn, service)
	}
	if err != nil {
		return nil, err
	}
	md := sd.FindMethodByName(call)
	switch {
	case md == nil:
		var names []string
		for _, m := range sd.GetMethods() {
			names = append(names, m.GetName())
		}
		return nil, systems.Usagef("method %w of service %s", &systems.ChoiceError{Word: call, Allowed: names}, service)
	case md.IsClientStreaming() || md.IsServerStreaming():
		return nil, systems.Usagef("method %s is a stream; only unary methods can be called", name)
	}
	return &method{MethodDescriptor: md.UnwrapMethod(), file: md.GetFile()}, nil
}

func (s source) parse(service string) (*desc.ServiceDescriptor, error) {
	files, err := protoparse.Parser{ImportPaths: s.folders}.ParseFiles(s.file)
	if err != nil {
		return nil, systems.Usagef("--proto: %w (import-paths says where to look: %s)", err, strings.Join(s.folders, ", "))
	}
	var names []string
	for _, sd := range files[0].GetServices() {
		if sd.GetFullyQualifiedName() == service {
			return sd, nil
		}
		names = append(names, sd.GetFullyQualifiedName())
	}
	return nil, systems.Usagef("%s: service %w", s.file, &systems.ChoiceError{Word: service, Allowed: names})
}

// ask asks the server.
func ask(ctx context.Context, conn grpc.ClientConnInterface, service string) (*desc.ServiceDescriptor, error) {
	c := grpcreflect.NewClientAuto(ctx, conn)
	defer c.Reset()
	sd, err := c.ResolveService(service)
	switch {
	case err == nil:
		return sd, nil
	case grpcreflect.IsElementNotFoundError(err):
		names, listErr := c.ListServices()
		slices.Sort(names)
		return nil, errors.Join(systems.Usagef("the server's service %w", &systems.ChoiceError{Word: service, Allowed: names}), listErr)
	}
	return nil, fmt.Errorf("the server does not describe its services (it needs the gRPC reflection service, or the knob proto a .proto file): %w", err)
}

// reach refuses an address that nobody answers at.
func reach(ctx context.Context, address string) error {
	dialer := net.Dialer{Timeout: 3 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("nothing answers at %s (start your service first): %w", address, err)
	}
	return conn.Close()
}
