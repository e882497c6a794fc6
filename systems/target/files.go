package target

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"dyno/systems"
)

// Compile reads .proto files by their paths in some folders. It is linked into
// dyno-whole ([dyno/systems/all/whole]) alone; nil: it is not linked.
var Compile func(ctx context.Context, folders, names []string) ([]protoreflect.FileDescriptor, error)

// parse reads .proto files, which may be named as protoc takes them.
func (s source) parse(ctx context.Context) (*catalog, error) {
	names, folders, err := s.locate()
	if err != nil {
		return nil, err
	}
	if Compile == nil {
		return nil, errors.New("--proto: .proto files are read by bin/dyno-whole, which make build makes")
	}
	parsed, err := Compile(ctx, folders, names)
	if err != nil {
		return nil, systems.Usagef("--proto: %w (--import-paths says where to look: %s)", err, strings.Join(folders, ", "))
	}
	files := new(protoregistry.Files)
	for _, fd := range parsed {
		if err := register(files, fd); err != nil {
			return nil, systems.Usagef("--proto: %w", err)
		}
	}
	return filed(strings.Join(s.files, ", "), files), nil
}

// locate finds files as protoc does: on disk, absolute or from the current
// folder, and then by the path from an import path, by which others import it;
// or by that path itself. Beyond protoc, a file in no import path brings its
// own folder with it.
func (s source) locate() (names, folders []string, err error) {
	folders = slices.Clone(s.folders)
	if len(folders) == 0 {
		folders = []string{"."}
	}
	for _, file := range s.files {
		name, err := within(file, folders)
		switch {
		case err != nil:
			return nil, nil, err
		case name != "":
		case exists(file):
			folders = append(folders, filepath.Dir(file))
			name = filepath.Base(file)
		default:
			return nil, nil, systems.Usagef("--proto: there is no file %s, neither here nor in the import paths %s", file,
				strings.Join(folders, ", "))
		}
		names = append(names, name)
	}
	return names, folders, nil
}

// within is the name by which a file is found in an import path; empty when it
// is not.
func within(file string, folders []string) (string, error) {
	if full, err := filepath.Abs(file); err == nil && exists(file) {
		for i, folder := range folders {
			root, err := filepath.Abs(folder)
			if err != nil {
				continue
			}
			name, err := filepath.Rel(root, full)
			if err != nil || !filepath.IsLocal(name) {
				continue
			}
			for _, earlier := range folders[:i] {
				if other := filepath.Join(earlier, name); exists(other) {
					return "", systems.Usagef("--proto: %s is hidden by %s; name its folder first in --import-paths", file, other)
				}
			}
			return filepath.ToSlash(name), nil
		}
	}
	name := filepath.ToSlash(filepath.Clean(file))
	if !filepath.IsAbs(file) && slices.ContainsFunc(folders, func(f string) bool { return exists(filepath.Join(f, name)) }) {
		return name, nil
	}
	return "", nil
}

func exists(file string) bool {
	info, err := os.Stat(file)
	return err == nil && !info.IsDir()
}

func register(files *protoregistry.Files, fd protoreflect.FileDescriptor) error {
	if _, err := files.FindFileByPath(fd.Path()); err == nil {
		return nil
	}
	for i := range fd.Imports().Len() {
		if err := register(files, fd.Imports().Get(i).FileDescriptor); err != nil {
			return err
		}
	}
	return files.RegisterFile(fd)
}

// readProtoset reads a FileDescriptorSet, as protoc and buf write it.
func readProtoset(path string) (*catalog, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, systems.Usagef("--protoset: %w", err)
	}
	set := new(descriptorpb.FileDescriptorSet)
	if err := proto.Unmarshal(b, set); err != nil || len(set.GetFile()) == 0 {
		return nil, systems.Usagef("--protoset: %s is no set of file descriptors (protoc --include_imports --descriptor_set_out=%s FILE "+
			"writes one)", path, path)
	}
	complete(set)
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, systems.Usagef("--protoset: %s: %w (was it written with --include_imports?)", path, err)
	}
	return filed(path, files), nil
}

// complete adds protobuf's own files where a set leaves them out.
func complete(set *descriptorpb.FileDescriptorSet) {
	have := map[string]bool{}
	for _, f := range set.GetFile() {
		have[f.GetName()] = true
	}
	for i := 0; i < len(set.GetFile()); i++ { // what is added is looked through as well
		for _, path := range set.GetFile()[i].GetDependency() {
			if fd, err := (wellKnown{}).FindFileByPath(path); err == nil && !have[path] {
				have[path] = true
				set.File = append(set.File, protodesc.ToFileDescriptorProto(fd))
			}
		}
	}
}

// filed is what files describe.
func filed(origin string, files *protoregistry.Files) *catalog {
	c := &catalog{origin: origin, find: files.FindDescriptorByName, types: dynamicpb.NewTypes(files)}
	files.RangeFiles(func(fd protoreflect.FileDescriptor) bool {
		for i := range fd.Services().Len() {
			c.services = append(c.services, string(fd.Services().Get(i).FullName()))
		}
		return true
	})
	slices.Sort(c.services)
	return c
}
