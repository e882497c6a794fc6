package target

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jhump/protoreflect/v2/grpcreflect"
	"google.golang.org/grpc"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// ask asks the server: by the reflection service v1, and by its older form
// v1alpha when v1 refuses, whatever it says (servers and what stands before
// them differ in that).
func ask(ctx context.Context, conn grpc.ClientConnInterface) (*catalog, error) {
	options := []grpcreflect.ClientOption{
		grpcreflect.WithAllowMissingFileDescriptors(), // servers leave out what only options need
		grpcreflect.WithFallbackResolvers(wellKnown{}, wellKnown{}),
	}
	newer := grpcreflect.NewClientV1(ctx, reflectionv1.NewServerReflectionClient(conn), options...)
	c, err := query(newer)
	if err == nil {
		return c, nil
	}
	older := grpcreflect.NewClientV1Alpha(ctx, reflectionv1alpha.NewServerReflectionClient(conn), options...)
	c, olderErr := query(older)
	if olderErr == nil {
		return c, nil
	}
	return nil, fmt.Errorf("the server does not describe its services (it needs the gRPC reflection service; "+
		"or give --proto a .proto file, or --protoset what protoc wrote): v1: %w; v1alpha: %w", err, olderErr)
}

func query(c *grpcreflect.Client) (*catalog, error) {
	services, err := c.ListServices()
	if err != nil {
		c.Reset()
		return nil, err
	}
	known := &catalog{origin: "the server", types: c.AsResolver().AsTypeResolver(), find: c.AsResolver().FindDescriptorByName}
	for _, s := range services {
		known.services = append(known.services, string(s))
	}
	slices.Sort(known.services)
	return known, nil
}

// wellKnown finds protobuf's own types, which a server or a protoset may leave
// out, and no others that happen to be linked into dyno.
type wellKnown struct{}

const wellKnownPackage = "google.protobuf."

func (wellKnown) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if !strings.HasPrefix(path, "google/protobuf/") {
		return nil, protoregistry.NotFound
	}
	return protoregistry.GlobalFiles.FindFileByPath(path)
}

func (wellKnown) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if !strings.HasPrefix(string(name), wellKnownPackage) {
		return nil, protoregistry.NotFound
	}
	return protoregistry.GlobalFiles.FindDescriptorByName(name)
}

func (wellKnown) FindExtensionByName(protoreflect.FullName) (protoreflect.ExtensionType, error) {
	return nil, protoregistry.NotFound
}

func (wellKnown) FindExtensionByNumber(protoreflect.FullName, protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	return nil, protoregistry.NotFound
}

// withWellKnown adds protobuf's own messages to others.
type withWellKnown struct{ types }

func (t withWellKnown) FindMessageByName(name protoreflect.FullName) (protoreflect.MessageType, error) {
	m, err := t.types.FindMessageByName(name)
	if err != nil && strings.HasPrefix(string(name), wellKnownPackage) {
		return protoregistry.GlobalTypes.FindMessageByName(name)
	}
	return m, err
}

func (t withWellKnown) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	m, err := t.FindMessageByName(protoreflect.FullName(url[strings.LastIndex(url, "/")+1:]))
	if errors.Is(err, protoregistry.NotFound) {
		return nil, fmt.Errorf("no such message is known: %w", err)
	}
	return m, err
}
