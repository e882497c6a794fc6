package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // requests may be compressed
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// service is a row's, while it runs.
type service struct {
	row      row
	dir      string // with its proto files
	certs    string
	protoset string
	address  string
	files    *protoregistry.Files
	types    *dynamicpb.Types
	want     proto.Message
	server   *grpc.Server

	mu           sync.Mutex
	asked, right int
}

func (s *service) file(name string) string { return filepath.Join(s.certs, name) }

func (s *service) stop() { s.server.Stop() }

// seen says how many calls came, and how many of them asked what they were to ask.
func (s *service) seen() (asked, right int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked, s.right
}

// serve writes a row's files and starts its service.
func serve(dir, certs string, r row) (*service, error) {
	s := &service{row: r, dir: dir, certs: certs, protoset: filepath.Join(dir, "shop.protoset"), files: new(protoregistry.Files)}
	if err := errors.Join(s.write("shop.proto", r.proto), s.write("common/extra.proto", r.extra)); err != nil {
		return nil, err
	}
	if err := s.describe(); err != nil {
		return nil, fmt.Errorf("its proto file: %w", err)
	}
	if r.era == 1001 { // the tools read what was compiled as one of 2023
		if err := s.write("shop.proto", strings.Replace(r.proto, "2023", "2024", 1)); err != nil {
			return nil, err
		}
	}
	method := s.find("/" + r.called())
	if method == nil {
		return nil, fmt.Errorf("no method %s", r.called())
	}
	want := dynamicpb.NewMessage(method.Input())
	if err := (protojson.UnmarshalOptions{Resolver: s.types}).Unmarshal([]byte(r.data), want); err != nil {
		return nil, fmt.Errorf("its request: %w", err)
	}
	s.want = want
	return s, s.start()
}

func (s *service) write(name, text string) error {
	if text == "" {
		return nil
	}
	path := filepath.Join(s.dir, name)
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644))
}

// describe compiles the files, gives them another edition where the row says so,
// and writes the set of their descriptors.
func (s *service) describe() error {
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{s.dir}}),
	}
	parsed, err := compiler.Compile(context.Background(), "shop.proto")
	if err != nil {
		return err
	}
	set := new(descriptorpb.FileDescriptorSet)
	if err := s.add(parsed[0], set); err != nil {
		return err
	}
	s.types = dynamicpb.NewTypes(s.files)
	b, err := proto.Marshal(set)
	if err != nil {
		return err
	}
	return os.WriteFile(s.protoset, b, 0o644)
}

// add registers a file after all that it imports.
func (s *service) add(fd protoreflect.FileDescriptor, set *descriptorpb.FileDescriptorSet) error {
	if _, err := s.files.FindFileByPath(fd.Path()); err == nil {
		return nil
	}
	for i := range fd.Imports().Len() {
		if err := s.add(fd.Imports().Get(i).FileDescriptor, set); err != nil {
			return err
		}
	}
	text := protodesc.ToFileDescriptorProto(fd)
	if s.row.era != 0 && fd.Path() == "shop.proto" {
		text.Edition = descriptorpb.Edition(s.row.era).Enum()
	}
	set.File = append(set.File, text)
	file, err := protodesc.NewFile(text, s.files)
	if err != nil {
		return err
	}
	return s.files.RegisterFile(file)
}

func (s *service) find(path string) protoreflect.MethodDescriptor {
	name, method, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	d, err := s.files.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return nil
	}
	return d.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(method))
}

func (s *service) start() error {
	network, listen := "tcp", "127.0.0.1:0"
	switch s.row.listen {
	case "unix":
		network, listen = "unix", filepath.Join(s.dir, "s")
	case "ipv6":
		listen = "[::1]:0"
	}
	lis, err := net.Listen(network, listen)
	if err != nil {
		return err
	}
	s.address = lis.Addr().String()
	if network == "unix" {
		s.address = "unix:" + listen
	}
	options := []grpc.ServerOption{grpc.UnknownServiceHandler(s.handle)}
	if s.row.tls != "" {
		creds, err := serverCredentials(s.certs, s.row.tls == "mutual")
		if err != nil {
			return err
		}
		options = append(options, grpc.Creds(creds))
	}
	s.server = grpc.NewServer(options...)
	if s.row.give == "" {
		o := reflection.ServerOptions{Services: s, DescriptorResolver: s.files, ExtensionResolver: extensions{s.types}}
		reflectionv1alpha.RegisterServerReflectionServer(s.server, reflection.NewServer(o))
		if s.row.answer == "" {
			reflectionv1.RegisterServerReflectionServer(s.server, reflection.NewServerV1(o))
		}
	}
	go func() { _ = s.server.Serve(lis) }() // ended by stop
	return nil
}

// extensions are those of the files; nobody asks for all of a message.
type extensions struct{ *dynamicpb.Types }

// RangeExtensionsByMessage finds none.
func (extensions) RangeExtensionsByMessage(protoreflect.FullName, func(protoreflect.ExtensionType) bool) {
}

// GetServiceInfo lists the services for reflection.
func (s *service) GetServiceInfo() map[string]grpc.ServiceInfo {
	out := map[string]grpc.ServiceInfo{}
	s.files.RangeFiles(func(fd protoreflect.FileDescriptor) bool {
		for i := range fd.Services().Len() {
			out[string(fd.Services().Get(i).FullName())] = grpc.ServiceInfo{}
		}
		return true
	})
	return out
}

// handle answers each message with itself, and notes whether it was the right one.
func (s *service) handle(_ any, stream grpc.ServerStream) error {
	path, _ := grpc.MethodFromServerStream(stream)
	m := s.find(path)
	if m == nil {
		return status.Error(codes.Code(cmp.Or(s.row.code, uint32(codes.Unimplemented))), "no such method: "+path)
	}
	for n := 0; ; n++ {
		msg := dynamicpb.NewMessage(m.Input())
		err := stream.RecvMsg(msg)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s.note(stream.Context(), msg)
		if s.row.big > 0 {
			msg.Set(m.Output().Fields().ByName("text"), protoreflect.ValueOfString(strings.Repeat("x", s.row.big)))
		}
		if err := stream.SendMsg(msg); err != nil {
			return err
		}
		if !m.IsStreamingClient() {
			return nil
		}
	}
}

// note holds a request, with its metadata, against what was to come.
func (s *service) note(ctx context.Context, msg proto.Message) {
	md, _ := metadata.FromIncomingContext(ctx)
	known := s.want.ProtoReflect().New().Interface() // with its extensions, which the transport does not know
	b, err := proto.Marshal(msg)
	if err == nil {
		err = proto.UnmarshalOptions{Resolver: s.types}.Unmarshal(b, known)
	}
	right := err == nil && proto.Equal(known, s.want)
	if key := s.row.meta[0]; key != "" {
		right = right && len(md.Get(key)) == 1 && md.Get(key)[0] == "\x00\xff"
	}
	if s.row.host != "" {
		right = right && len(md.Get(":authority")) == 1 && md.Get(":authority")[0] == s.row.host
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if right {
		s.right++
	}
}
