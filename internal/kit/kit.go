package kit

import (
	"bytes"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"dyno/proto"
)

//go:embed files
var files embed.FS

// Languages are those that there are kits for.
var Languages = []string{"go", "python"}

// Needs says what must be installed for kits of a language, and how.
func Needs(language string) string {
	if language == "python" {
		return "Python 3.9 or later with grpcio and grpcio-tools: apt-get install python3-grpcio python3-grpc-tools, " +
			"or pip install grpcio grpcio-tools"
	}
	return "Go 1.26 or later"
}

// Role is what a kit has a server for.
type Role struct {
	Name    string
	Summary string        // one line
	Calls   []Call        // RPCs that the role must serve, or make
	Serves  bool          // it listens and answers; if not, it calls others
	Flags   *flag.FlagSet // that the bench may give it
}

// Call is one of them.
type Call struct {
	Method string // full name: "/package.Service/Method"
	Does   string // one sentence
}

// Kit is what is written.
type Kit struct {
	System   string
	Summary  string // one line
	Roles    []Role
	First    string // the rung that a kit falls at
	Contract string // where the contract is to be read
}

// Write writes a kit into a new or empty folder and returns the files it wrote.
func Write(dir, language string, k Kit) ([]string, error) {
	if !slices.Contains(Languages, language) {
		return nil, fmt.Errorf("language %q is none of %q", language, Languages)
	}
	there, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: give a new folder", err)
	}
	if len(there) > 0 {
		return nil, fmt.Errorf("%s is not empty: give a new folder", dir)
	}
	p, err := newPlan(language, k)
	if err != nil {
		return nil, err
	}
	texts, err := p.texts()
	if err != nil {
		return nil, err
	}
	var names []string
	for name, text := range texts {
		names = append(names, name)
		target := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(target, text, 0o644); err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	return names, nil
}

// plan is a kit as its templates see it.
type plan struct {
	Kit
	Language string
	Servers  []server
	sources  map[string]bool // .proto files, as they are registered
}

// Needs is for templates.
func (p *plan) Needs() string { return Needs(p.Language) }

// server is a role as the templates see it.
type server struct {
	Role
	Services []service
	Flags    []option
}

// service is one gRPC service with the methods that the contract names.
type service struct {
	Name    string
	Proto   string // the .proto file
	Folder  string // where it is
	Alias   string // what its generated Go is called
	Methods []method
}

type method struct {
	Name, In, Out  string
	FromMany, Many bool // streams of requests, of answers
	Does           string
}

type option struct {
	Name, Default, Usage string
	Bool                 bool // it may stand without a value
}

// isBool is how package flag asks.
type isBool interface{ IsBoolFlag() bool }

func newPlan(language string, k Kit) (*plan, error) {
	p := &plan{Kit: k, Language: language, sources: make(map[string]bool)}
	for _, r := range k.Roles {
		s := server{Role: r}
		for _, c := range r.Calls {
			if err := p.add(&s, c); err != nil {
				return nil, fmt.Errorf("role %s: %w", r.Name, err)
			}
		}
		r.Flags.VisitAll(func(f *flag.Flag) {
			_, usage := flag.UnquoteUsage(f)
			b, ok := f.Value.(isBool)
			s.Flags = append(s.Flags, option{f.Name, f.DefValue, oneLine(usage), ok && b.IsBoolFlag()})
		})
		p.Servers = append(p.Servers, s)
	}
	if len(p.Servers) == 0 {
		return nil, fmt.Errorf("%s has no role that another program can stand in for", k.System)
	}
	return p, nil
}

// add puts a call into its service.
func (p *plan) add(s *server, c Call) error {
	full, name, ok := strings.Cut(strings.TrimPrefix(c.Method, "/"), "/")
	if !ok {
		return fmt.Errorf("%q is not /package.Service/Method", c.Method)
	}
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(full))
	if err != nil {
		return fmt.Errorf("service %s: %w", full, err)
	}
	sd, ok := d.(protoreflect.ServiceDescriptor)
	if !ok {
		return fmt.Errorf("%s is no service", full)
	}
	m := sd.Methods().ByName(protoreflect.Name(name))
	if m == nil {
		return fmt.Errorf("service %s has no method %s", full, name)
	}
	source := sd.ParentFile().Path()
	p.sources[source] = true
	i := slices.IndexFunc(s.Services, func(v service) bool { return v.Name == string(sd.Name()) && v.Proto == source })
	if i < 0 {
		i = len(s.Services)
		s.Services = append(s.Services, service{Name: string(sd.Name()), Proto: source, Folder: path.Dir(source), Alias: alias(sd.ParentFile())})
	}
	s.Services[i].Methods = append(s.Services[i].Methods, method{
		name, string(m.Input().Name()), string(m.Output().Name()), m.IsStreamingClient(), m.IsStreamingServer(), oneLine(c.Does),
	})
	return nil
}

// alias is the Go package of a .proto file.
func alias(f protoreflect.FileDescriptor) string {
	o, _ := f.Options().(*descriptorpb.FileOptions)
	_, name, _ := strings.Cut(o.GetGoPackage(), ";")
	return name
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// texts are the files of the kit by name.
func (p *plan) texts() (map[string][]byte, error) {
	out := make(map[string][]byte)
	for source := range p.sources {
		if err := p.copyProto(out, source); err != nil {
			return nil, err
		}
	}
	for _, dir := range []string{"files/any", "files/" + p.Language} {
		err := fs.WalkDir(files, dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			return p.render(out, strings.TrimPrefix(name, dir+"/"), name)
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// copyProto copies a .proto file, and for Go what was generated from it: nobody
// needs protoc to begin.
func (p *plan) copyProto(out map[string][]byte, source string) error {
	beside, err := fs.ReadDir(proto.Sources, path.Dir(source))
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	for _, e := range beside {
		name := path.Join(path.Dir(source), e.Name())
		if path.Ext(name) != ".proto" && p.Language != "go" {
			continue
		}
		if out["proto/"+name], err = proto.Sources.ReadFile(name); err != nil {
			return err
		}
		if p.Language == "python" { // whose protoc, as Debian has it, is older than the option
			out["proto/"+name] = bytes.ReplaceAll(out["proto/"+name], []byte(" [debug_redact = true]"), nil)
		}
	}
	return nil
}
