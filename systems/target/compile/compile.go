// Package compile reads .proto files as protoc does. Only dyno itself links it.
package compile

import (
	"context"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Files compiles files that are named by their paths in some folders.
func Files(ctx context.Context, folders, names []string) ([]protoreflect.FileDescriptor, error) {
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: folders})}
	parsed, err := compiler.Compile(ctx, names...)
	if err != nil {
		return nil, err
	}
	files := make([]protoreflect.FileDescriptor, len(parsed))
	for i, f := range parsed {
		files[i] = f
	}
	return files, nil
}
