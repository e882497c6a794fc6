package target

import (
	"context"
	"errors"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"dyno/bench/driver"
	"dyno/internal/record"
)

// odd is a server of any service: it answers every call with the very bytes
// that it was sent, or with those that were laid down, and keeps what came.
type odd struct {
	files   *protoregistry.Files
	refusal codes.Code // of services that it does not have

	address string
	answer  []byte                         // nil: the request
	meet    atomic.Pointer[sync.WaitGroup] // calls wait for each other
	more    int                            // answers beyond the first to each request of a stream

	mu   sync.Mutex
	came []arrival
}

type arrival struct {
	method string
	bytes  []byte
	md     metadata.MD
	from   *peer.Peer
}

// The reflection services of an odd server.
const (
	reflectV1 = 1 << iota
	reflectV1Alpha
)

// serveOdd serves what a folder's .proto files say. An empty folder: whatever
// the client says.
func serveOdd(t *testing.T, folder string, services int, refusal codes.Code, opts ...grpc.ServerOption) *odd {
	t.Helper()
	return serveOddAt(t, listenAt(t, "tcp", "127.0.0.1:0"), folder, services, refusal, opts...)
}

func listenAt(t testing.TB, network, address string) net.Listener {
	t.Helper()
	lis, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return lis
}

func serveOddAt(t *testing.T, lis net.Listener, folder string, services int, refusal codes.Code, opts ...grpc.ServerOption) *odd {
	t.Helper()
	o := &odd{files: new(protoregistry.Files), refusal: refusal, address: lis.Addr().String()}
	if folder != "" {
		o.load(t, folder)
	}
	srv := grpc.NewServer(append(opts, grpc.UnknownServiceHandler(o.handle))...)
	options := reflection.ServerOptions{Services: o, DescriptorResolver: o.files, ExtensionResolver: noExtensions{o.files}}
	if services&reflectV1 != 0 {
		reflectionv1.RegisterServerReflectionServer(srv, reflection.NewServerV1(options))
	}
	if services&reflectV1Alpha != 0 {
		reflectionv1alpha.RegisterServerReflectionServer(srv, reflection.NewServer(options))
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(lis) }()
	t.Cleanup(func() {
		srv.Stop()
		if err := <-done; err != nil && !errors.Is(err, grpc.ErrServerStopped) { // it may not have begun
			t.Error(err)
		}
	})
	return o
}

func (o *odd) load(t *testing.T, folder string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.proto"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range paths {
		paths[i] = filepath.Base(paths[i])
	}
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{folder}})}
	parsed, err := c.Compile(t.Context(), paths...)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range parsed {
		if err := register(o.files, fd); err != nil {
			t.Fatal(err)
		}
	}
}

// GetServiceInfo is for reflection.
func (o *odd) GetServiceInfo() map[string]grpc.ServiceInfo {
	services := map[string]grpc.ServiceInfo{}
	o.files.RangeFiles(func(fd protoreflect.FileDescriptor) bool {
		for i := range fd.Services().Len() {
			services[string(fd.Services().Get(i).FullName())] = grpc.ServiceInfo{}
		}
		return true
	})
	return services
}

func (o *odd) handle(_ any, stream grpc.ServerStream) error {
	path, _ := grpc.MethodFromServerStream(stream)
	if strings.HasPrefix(path, "/grpc.reflection.") {
		return status.Error(o.refusal, "no such service here")
	}
	name := protoreflect.FullName(strings.ReplaceAll(path[1:], "/", "."))
	d, _ := o.files.FindDescriptorByName(name)
	if md, ok := d.(protoreflect.MethodDescriptor); ok && (md.IsStreamingClient() || md.IsStreamingServer()) {
		return o.stream(md, stream)
	}
	m, err := o.take(stream)
	if err != nil {
		return err
	}
	if meeting := o.meet.Load(); meeting != nil {
		meeting.Done()
		meeting.Wait()
	}
	return stream.SendMsg(m)
}

// arrivals are what came since it was last asked.
func (o *odd) arrivals() []arrival {
	o.mu.Lock()
	defer o.mu.Unlock()
	came := o.came
	o.came = nil
	return came
}

// noExtensions leaves it to the files to find extensions by name.
type noExtensions struct{ *protoregistry.Files }

func (noExtensions) FindExtensionByName(protoreflect.FullName) (protoreflect.ExtensionType, error) {
	return nil, protoregistry.NotFound
}

func (noExtensions) FindExtensionByNumber(protoreflect.FullName, protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	return nil, protoregistry.NotFound
}

func (noExtensions) RangeExtensionsByMessage(protoreflect.FullName, func(protoreflect.ExtensionType) bool) {
}

// ready reads values as the client role does.
func ready(t *testing.T, o *odd, values map[string]string) (*prepared, error) {
	t.Helper()
	all := map[string]string{knobAddress: o.address}
	maps.Copy(all, values)
	v, err := System.Resolve(all)
	if err != nil {
		return nil, err
	}
	p, err := prepare(t.Context(), v, 1)
	if err == nil {
		t.Cleanup(func() { _ = p.conns.Close() })
	}
	return p, err
}

// callBoth calls a method by our own loop's operation and by ghz, and returns
// the bytes that both sent.
func callBoth(t *testing.T, o *odd, values map[string]string) []byte {
	t.Helper()
	p, err := ready(t, o, values)
	if err != nil {
		t.Fatal(err)
	}
	o.arrivals()
	ctx, cancel := context.WithTimeout(p.outgoing(t.Context()), time.Minute)
	defer cancel()
	if _, outcome := p.op()(ctx, 0); outcome != record.OK {
		t.Fatalf("%v %s%s", outcome, p.firstWrong, p.errors.String())
	}
	ours := o.arrivals()
	r, err := p.witness(t.Context(), driver.Witness{Flags: &driver.Flags{Length: 100 * time.Millisecond}, Workers: 1, Rate: 30})
	if err != nil {
		t.Fatal(err)
	}
	theirs := o.arrivals()
	if len(ours) != 1 || len(theirs) != 3 || r.Checks[0].Status != record.Valid {
		t.Fatalf("%d calls of ours, %d of ghz, of which it says %+v", len(ours), len(theirs), r.Checks)
	}
	for _, a := range theirs {
		if a.method != ours[0].method || !slices.Equal(a.bytes, ours[0].bytes) {
			t.Errorf("ghz sent %s %x, we %s %x", a.method, a.bytes, ours[0].method, ours[0].bytes)
		}
		for key, want := range ours[0].md {
			if key != "user-agent" && !slices.Equal(a.md[key], want) {
				t.Errorf("ghz sent %s %q, we %q", key, a.md[key], want)
			}
		}
	}
	return ours[0].bytes
}

// writeProtoset writes the files whose names begin with one of some texts, as
// protoc --descriptor_set_out would.
func writeProtoset(t *testing.T, o *odd, prefixes ...string) string {
	t.Helper()
	set := new(descriptorpb.FileDescriptorSet)
	o.files.RangeFiles(func(fd protoreflect.FileDescriptor) bool {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(fd.Path(), p) }) {
			set.File = append(set.File, protodesc.ToFileDescriptorProto(fd))
		}
		return true
	})
	b, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "set.pb")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
