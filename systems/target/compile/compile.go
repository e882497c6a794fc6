// Package compile reads .proto files as protoc does, and fills in templates. Only
// dyno itself links it.
package compile

import (
	"context"
	"io"
	"strings"
	"text/template"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Files compiles files that are named by their paths in some folders.
func Files(ctx context.Context, folders, names []string) ([]protoreflect.FileDescriptor, error) {
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: folders})}
	parsed, err := compiler.Compile(ctx, names...)
	if err != nil && strings.Contains(err.Error(), "latest supported edition") {
		return newer(ctx, folders, names)
	}
	if err != nil {
		return nil, err
	}
	files := make([]protoreflect.FileDescriptor, len(parsed))
	for i, f := range parsed {
		files[i] = f
	}
	return files, nil
}

// Fill fills in a template, in which quote makes a text one of YAML's.
func Fill(w io.Writer, text string, data any) error {
	quote := func(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
	t, err := template.New("file").Funcs(template.FuncMap{"quote": quote}).Parse(text)
	if err != nil {
		return err
	}
	return t.Execute(w, data)
}
