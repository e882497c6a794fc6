// Image writes an OCI image of static programs, without Docker and without a
// shell inside: image -name dyno -tag latest -o FILE.tar PROGRAM... It prints the
// image's digest. The first program is what the image runs. The same programs
// give the same bytes.
//
// The archive is an OCI layout (skopeo, podman, ctr, crane) that docker load and
// kind load read, too.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	_ "crypto/sha256" // for package digest
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// nobody is the user and group that the image runs as, unless a pod says another.
const nobody = 65532

func main() {
	log.SetFlags(0)
	log.SetPrefix("image: ")
	name := flag.String("name", "localhost/dyno:latest", "`REFERENCE` under which a node or Docker knows the image once it is loaded")
	out := flag.String("o", "image.tar", "`FILE` to write")
	flag.Parse()
	if flag.NArg() == 0 {
		log.Fatal("name the programs that are to be in the image")
	}
	d, err := write(*out, *name, flag.Args())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s@%s\n", *name, d)
}

// write writes the archive whole or not at all.
func write(path, name string, programs []string) (digest.Digest, error) {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	d, err := archive(file, name, programs)
	if err != nil {
		return "", err
	}
	if err := file.Close(); err != nil {
		return "", err
	}
	if err := os.Chmod(file.Name(), 0o644); err != nil {
		return "", err
	}
	return d, os.Rename(file.Name(), path)
}

// archive writes the image and returns its digest: that of its manifest, by which
// registries and nodes know it.
func archive(w io.Writer, name string, programs []string) (digest.Digest, error) {
	packed, diff, err := layer(programs)
	if err != nil {
		return "", err
	}
	b := &blobs{tar: tar.NewWriter(w)}
	image := v1.Image{
		Platform: v1.Platform{Architecture: runtime.GOARCH, OS: "linux"},
		Config: v1.ImageConfig{
			User: fmt.Sprintf("%d:%d", nobody, nobody), WorkingDir: "/tmp",
			Entrypoint: []string{"/" + filepath.Base(programs[0])}, Env: []string{"PATH=/", "HOME=/tmp"},
		},
		RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{diff}},
	}
	layers := []v1.Descriptor{b.add(v1.MediaTypeImageLayerGzip, packed)}
	config := b.addJSON(v1.MediaTypeImageConfig, image)
	manifest := b.addJSON(v1.MediaTypeImageManifest, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: config, Layers: layers,
	})
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{manifest}}
	// containerd imports under the first annotation, others under the second.
	index.Manifests[0].Annotations = map[string]string{"io.containerd.image.name": name, v1.AnnotationRefName: name}
	b.fileJSON(v1.ImageIndexFile, index)
	b.fileJSON(v1.ImageLayoutFile, v1.ImageLayout{Version: v1.ImageLayoutVersion})
	b.fileJSON("manifest.json", []dockerImage{{Config: place(config), RepoTags: []string{name}, Layers: []string{place(layers[0])}}})
	if b.err == nil {
		b.err = b.tar.Close()
	}
	return manifest.Digest, b.err
}

// dockerImage is what docker load looks for.
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// layer is the file system: the programs in the root, and a folder for files.
func layer(programs []string) (packed []byte, diff digest.Digest, err error) {
	var buf bytes.Buffer
	zipped := gzip.NewWriter(&buf)
	plain := digest.Canonical.Digester()
	t := tar.NewWriter(io.MultiWriter(zipped, plain.Hash()))
	if err := t.WriteHeader(header("tmp/", tar.TypeDir, 0o1777, 0)); err != nil {
		return nil, "", err
	}
	for _, p := range programs {
		content, err := os.ReadFile(p)
		if err != nil {
			return nil, "", err
		}
		if err := t.WriteHeader(header(filepath.Base(p), tar.TypeReg, 0o755, len(content))); err != nil {
			return nil, "", err
		}
		if _, err := t.Write(content); err != nil {
			return nil, "", err
		}
	}
	if err := t.Close(); err != nil {
		return nil, "", err
	}
	if err := zipped.Close(); err != nil {
		return nil, "", err
	}
	return buf.Bytes(), plain.Digest(), nil
}

// header is of a file that says nothing of when and by whom it was made.
func header(name string, kind byte, mode int64, size int) *tar.Header {
	return &tar.Header{Typeflag: kind, Name: name, Mode: mode, Size: int64(size), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
}

// blobs writes the files of the archive, and remembers the first error.
type blobs struct {
	tar *tar.Writer
	err error
}

func place(d v1.Descriptor) string {
	return v1.ImageBlobsDir + "/" + d.Digest.Algorithm().String() + "/" + d.Digest.Encoded()
}

func (b *blobs) add(kind string, content []byte) v1.Descriptor {
	d := v1.Descriptor{MediaType: kind, Digest: digest.FromBytes(content), Size: int64(len(content))}
	b.file(place(d), content)
	return d
}

func (b *blobs) addJSON(kind string, v any) v1.Descriptor { return b.add(kind, b.marshal(v)) }

func (b *blobs) fileJSON(name string, v any) { b.file(name, b.marshal(v)) }

func (b *blobs) marshal(v any) []byte {
	text, err := json.Marshal(v)
	if b.err == nil {
		b.err = err
	}
	return text
}

func (b *blobs) file(name string, content []byte) {
	if b.err != nil {
		return
	}
	if b.err = b.tar.WriteHeader(header(name, tar.TypeReg, 0o644, len(content))); b.err == nil {
		_, b.err = b.tar.Write(content)
	}
}
