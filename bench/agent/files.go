package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	agentv1 "dyno/proto/agent/v1"
)

const (
	chunk     = 256 << 10 // bytes of a message
	maxCopied = 4 << 30   // bytes of one copy: what is more is no folder of a trial
)

// list finds files and folders below a root, by paths that need not be there. What
// is neither is left out, and so is what a link leads to.
func list(root *os.Root, paths []string) (out []*agentv1.File, err error) {
	for _, p := range paths {
		walkErr := fs.WalkDir(root.FS(), p, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) { // gone meanwhile
				return nil
			}
			if err != nil || !d.IsDir() && !d.Type().IsRegular() {
				return err
			}
			info, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			f := &agentv1.File{Path: path, Mode: uint32(info.Mode().Perm()), Folder: d.IsDir()}
			if !d.IsDir() {
				f.Size, f.ModifiedUnixNs = info.Size(), info.ModTime().UnixNano()
			}
			out = append(out, f)
			return nil
		})
		err = errors.Join(err, walkErr)
	}
	return out, err
}

// version tells a file's content from another.
type version struct{ size, modified int64 }

func versionOf(f *agentv1.File) version { return version{f.GetSize(), f.GetModifiedUnixNs()} }

// send reads a file in chunks, as long as it was when it was listed. The first one
// is sent together with what begins it.
func send(root *os.Root, f *agentv1.File, each func(first bool, data []byte) error) error {
	if f.GetFolder() {
		return each(true, nil)
	}
	in, err := root.Open(filepath.FromSlash(f.GetPath()))
	if err != nil {
		return err
	}
	defer in.Close()
	buf := make([]byte, min(chunk, f.GetSize()))
	for first, left := true, f.GetSize(); first || left > 0; first = false {
		n, err := io.ReadFull(in, buf[:min(int64(len(buf)), left)])
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			return err
		}
		if sendErr := each(first, buf[:n]); sendErr != nil || err != nil {
			return sendErr // what is not there is not sent
		}
		left -= int64(n)
	}
	return nil
}

// writer puts files into a folder as they come, each under its name once it is
// whole.
type writer struct {
	root   *os.Root
	file   *agentv1.File
	out    *os.File // nil: no file is under way
	copied int64
}

// name is where the file that came last belongs.
func (w *writer) name() string { return filepath.FromSlash(w.file.GetPath()) }

// partial ends the name of a file that is not whole.
const partial = ".copy"

// begin ends the file before and begins another.
func (w *writer) begin(f *agentv1.File) error {
	if err := w.end(); err != nil {
		return err
	}
	w.file = f
	if !filepath.IsLocal(w.name()) {
		return rpc.InvalidField("path", "%q leads out of the trial's folder", f.GetPath())
	}
	mode := fs.FileMode(f.GetMode()).Perm()
	if f.GetFolder() {
		return w.root.MkdirAll(w.name(), mode|0o700)
	}
	err := w.root.MkdirAll(filepath.Dir(w.name()), 0o755)
	if err == nil {
		w.out, err = w.root.OpenFile(w.name()+partial, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode|0o200)
	}
	return err
}

func (w *writer) write(data []byte) error {
	if w.copied += int64(len(data)); w.copied > maxCopied {
		return fmt.Errorf("the trial's folders have more than %d GiB: they are not copied between machines", maxCopied>>30)
	}
	if w.out == nil {
		return nil
	}
	_, err := w.out.Write(data)
	return err
}

// end makes the file appear that came last.
func (w *writer) end() error {
	if w.out == nil {
		return nil
	}
	at := time.Unix(0, w.file.GetModifiedUnixNs())
	err := errors.Join(w.out.Close(), w.root.Chtimes(w.name()+partial, at, at))
	if err == nil {
		err = w.root.Rename(w.name()+partial, w.name())
	}
	w.out = nil
	return err
}

// abandon leaves nothing of a file that is not whole.
func (w *writer) abandon() {
	if w.out != nil {
		_ = w.out.Close()
		_ = w.root.Remove(w.name() + partial)
	}
}

// PutFiles implements agentv1.AgentServiceServer.
func (s *server) PutFiles(stream grpc.ClientStreamingServer[agentv1.PutFilesRequest, agentv1.PutFilesResponse]) error {
	var t *trial
	w := new(writer)
	defer w.abandon()
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			if err := w.end(); err != nil {
				return toStatus(err)
			}
			return stream.SendAndClose(new(agentv1.PutFilesResponse))
		}
		if err == nil && t == nil {
			if t, err = s.at(req.GetTrial()); err == nil {
				t.files.Lock()
				defer t.files.Unlock()
				w.root = t.root
			}
		}
		if err == nil && req.GetFile() != nil {
			t.growth.skip(req.GetFile())
			err = w.begin(req.GetFile())
		}
		if err == nil {
			err = w.write(req.GetData())
		}
		if err != nil {
			return toStatus(err)
		}
	}
}

// GetFiles implements agentv1.AgentServiceServer.
func (s *server) GetFiles(req *agentv1.GetFilesRequest, stream grpc.ServerStreamingServer[agentv1.GetFilesResponse]) error {
	t, err := s.at(req.GetTrial())
	if err != nil {
		return err
	}
	for _, p := range req.GetPaths() {
		if !fs.ValidPath(p) {
			return rpc.InvalidField("paths", "%q leads out of the trial's folder", p)
		}
	}
	known := make(map[string]version)
	for _, f := range req.GetKnown() {
		known[f.GetPath()] = versionOf(f)
	}
	files, err := list(t.root, req.GetPaths())
	if err != nil {
		return toStatus(err)
	}
	for _, f := range files {
		if v, ok := known[f.GetPath()]; ok && v == versionOf(f) {
			err = stream.Send(&agentv1.GetFilesResponse{File: f, Same: true})
		} else {
			err = send(t.root, f, func(first bool, data []byte) error {
				part := &agentv1.GetFilesResponse{Data: data}
				if first {
					part.File = f
				}
				return stream.Send(part)
			})
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return toStatus(err)
		}
	}
	return nil
}
