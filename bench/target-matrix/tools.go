package main

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// patience is what a tool is given for a row.
const patience = 60 * time.Second

// tool is a program that calls services.
type tool struct {
	name, path string
	args       func(row, *service) []string // nil: it has no flag for that
}

// run lets it make its calls.
func (t *tool) run(ctx context.Context, args []string) (code int, out string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var both bytes.Buffer
	cmd := exec.CommandContext(ctx, t.path, args...)
	cmd.Stdout, cmd.Stderr = &both, &both
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), both.String()
	}
	if err != nil {
		return -1, err.Error()
	}
	return 0, both.String()
}

// answered says whether the tool says that its calls were answered; the exit
// code of ghz is 0 either way.
func (t *tool) answered(out string) bool {
	return t.name != "ghz" || strings.Contains(out, "[OK]") && !strings.Contains(out, "Error distribution")
}

// described are the flags that say where the method is described.
func described(r row, s *service, proto, folders, set string) []string {
	switch r.give {
	case "file":
		return []string{proto, "shop.proto", folders, s.dir}
	case "absolute":
		return []string{proto, filepath.Join(s.dir, "shop.proto"), folders, s.dir}
	case "protoset":
		return []string{set, s.protoset}
	}
	return nil
}

func (r row) called() string {
	if r.method != "" {
		return r.method
	}
	return "shop.v1.Shop/Echo"
}

// theirs is the request as ghz and grpcurl want it.
func (r row) theirs() string {
	if r.other != "" {
		return r.other
	}
	return r.data
}

func dynoArgs(r row, s *service) []string {
	args := []string{
		"target", "client", "--address", s.address, "--method", r.called(), "--data", r.data, "--clients", "1", "--warmup", "0s",
		"--length", "200ms", "--max-message-size", "64MiB",
	}
	args = append(args, described(r, s, "--proto", "--import-paths", "--protoset")...)
	if r.tls != "" {
		args = append(args, "--tls", "--cacert", s.file("ca.pem"))
	}
	if r.tls == "mutual" {
		args = append(args, "--cert", s.file("client.pem"), "--key", s.file("client.key"))
	}
	if r.meta[0] != "" {
		args = append(args, "--metadata", `{"`+r.meta[0]+`":"`+r.meta[1]+`"}`)
	}
	if r.host != "" {
		args = append(args, "--authority", r.host)
	}
	if r.gzip {
		args = append(args, "--compression", "gzip")
	}
	return args
}

func ghzArgs(r row, s *service) []string {
	args := []string{"--call", r.called(), "-d", r.theirs(), "-n", "5", "-c", "1", "--timeout", "10s"}
	args = append(args, described(r, s, "--proto", "--import-paths", "--protoset")...)
	switch r.tls {
	case "":
		args = append(args, "--insecure")
	case "mutual":
		args = append(args, "--cert", s.file("client.pem"), "--key", s.file("client.key"))
		fallthrough
	default:
		args = append(args, "--cacert", s.file("ca.pem"))
	}
	if r.meta[0] != "" {
		args = append(args, "-m", `{"`+r.meta[0]+`":"`+r.meta[1]+`"}`)
	}
	if r.host != "" {
		args = append(args, "--authority", r.host)
	}
	if r.gzip {
		args = append(args, "--enable-compression")
	}
	return append(args, s.address)
}

func grpcurlArgs(r row, s *service) []string {
	if r.gzip {
		return nil
	}
	args := []string{"-d", r.theirs(), "-max-time", "10", "-max-msg-sz", "67108864"}
	args = append(args, described(r, s, "-proto", "-import-path", "-protoset")...)
	switch r.tls {
	case "":
		args = append(args, "-plaintext")
	case "mutual":
		args = append(args, "-cert", s.file("client.pem"), "-key", s.file("client.key"))
		fallthrough
	default:
		args = append(args, "-cacert", s.file("ca.pem"))
	}
	if r.meta[0] != "" {
		args = append(args, "-H", r.meta[0]+": "+r.meta[1])
	}
	if r.host != "" {
		args = append(args, "-authority", r.host)
	}
	address := s.address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		args, address = append(args, "-unix"), path
	}
	return append(args, address, r.called())
}
