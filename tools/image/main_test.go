package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestImage(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"dyno", "dyno-role"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("program "+name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	programs := []string{filepath.Join(dir, "dyno"), filepath.Join(dir, "dyno-role")}
	said, err := write(filepath.Join(dir, "a.tar"), "localhost/dyno:1", programs)
	if err != nil {
		t.Fatal(err)
	}
	again, err := write(filepath.Join(dir, "b.tar"), "localhost/dyno:1", programs)
	if err != nil || again != said {
		t.Errorf("the same programs: %s, then %s, %v", said, again, err)
	}
	a, _ := os.ReadFile(filepath.Join(dir, "a.tar"))
	b, _ := os.ReadFile(filepath.Join(dir, "b.tar"))
	if !bytes.Equal(a, b) {
		t.Error("the same programs gave two archives")
	}
	files := untar(t, a)
	var index v1.Index
	read(t, files[v1.ImageIndexFile], &index)
	if got := index.Manifests[0]; got.Digest != said || got.Annotations[v1.AnnotationRefName] != "localhost/dyno:1" {
		t.Errorf("the index names %+v, and %s was said", got, said)
	}
	blob := func(d v1.Descriptor) []byte {
		content := files[place(d)]
		if digest.FromBytes(content) != d.Digest || int64(len(content)) != d.Size {
			t.Errorf("%s is not what its digest says", d.MediaType)
		}
		return content
	}
	var manifest v1.Manifest
	read(t, blob(index.Manifests[0]), &manifest)
	var image v1.Image
	read(t, blob(manifest.Config), &image)
	if len(manifest.Layers) != 1 || len(blob(manifest.Layers[0])) == 0 || image.Config.Entrypoint[0] != "/dyno" || image.OS != "linux" {
		t.Errorf("%+v, %+v", manifest, image)
	}
	if _, err := write(filepath.Join(dir, "c.tar"), "x", []string{filepath.Join(dir, "absent")}); err == nil {
		t.Error("a program that is not there is in the image")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "c.tar*")); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

func read(t *testing.T, text []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func untar(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}
