// Package compile reads .proto files as protoc does, and fills in templates. Only
// dyno-whole links it.
package compile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/template"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/experimental/incremental"
	"github.com/bufbuild/protocompile/experimental/incremental/queries"
	"github.com/bufbuild/protocompile/experimental/ir"
	"github.com/bufbuild/protocompile/experimental/report"
	"github.com/bufbuild/protocompile/experimental/source"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// newer compiles files of editions after 2023, which only the library's compiler
// to come knows, and which its authors still call experimental.
func newer(ctx context.Context, folders, names []string) ([]protoreflect.FileDescriptor, error) {
	var openers source.Openers
	for _, folder := range folders {
		openers = append(openers, &source.FS{FS: os.DirFS(folder)})
	}
	openers = append(openers, source.WKTs())
	query := queries.FDS{Opener: &openers, Session: new(ir.Session), Workspace: source.NewWorkspace(names...)}
	results, found, err := incremental.Run(ctx, incremental.New(), query)
	if err != nil {
		return nil, err
	}
	for _, d := range found.Diagnostics {
		if d.Level() <= report.Error {
			return nil, complaint(d)
		}
	}
	if err := results[0].Fatal; err != nil {
		return nil, err
	}
	// Features are among the set's unknown fields until it is read again.
	encoded, err := proto.Marshal(results[0].Value)
	if err != nil {
		return nil, err
	}
	set := new(descriptorpb.FileDescriptorSet)
	if err := proto.Unmarshal(encoded, set); err != nil {
		return nil, err
	}
	all, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, err
	}
	files := make([]protoreflect.FileDescriptor, len(names))
	for i, name := range names {
		if files[i], err = all.FindFileByPath(name); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// complaint is what is wrong, and where, if that is anywhere.
func complaint(d report.Diagnostic) error {
	at := d.Primary()
	if at.IsZero() {
		return errors.New(d.Message())
	}
	from := at.StartLoc()
	return fmt.Errorf("%s:%d:%d: %s: %.80s", d.File(), from.Line, from.Column, d.Message(), at.Text())
}

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
