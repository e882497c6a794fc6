package ssh

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"dyno/bench/agent"
	"dyno/internal/record"
	"dyno/systems"
)

// Host is a machine that ssh reaches.
type Host struct {
	Name string `yaml:"name"` // in results; empty: Host
	Host string `yaml:"host"` // as ssh takes it, an alias of its configuration too
	User string `yaml:"user"` // empty: as ssh is configured
	Port int    `yaml:"port"` // 0: as ssh is configured
	Key  string `yaml:"key"`  // file of the private key; empty: as ssh is configured

	// Advertise is the IP by which the other machines reach it, and on which roles
	// listen there. Empty: Host, which must be one.
	Advertise string `yaml:"advertise"`

	Options []string `yaml:"options"` // of ssh, NAME=VALUE each
}

const (
	maxHostsFile = 1 << 20
	maxHosts     = 64
)

const maxHostName = 100

var hostName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]*$`)

// ReadHosts reads a file of hosts: a list under the key hosts. What is wrong with it
// is a usage error.
func ReadHosts(path string) ([]Host, error) {
	text, err := read(path)
	if err != nil {
		return nil, systems.Usagef("hosts: %w", err)
	}
	var file struct {
		Hosts []Host `yaml:"hosts"`
	}
	in := yaml.NewDecoder(bytes.NewReader(text))
	in.KnownFields(true)
	if err := in.Decode(&file); err != nil {
		return nil, systems.Usagef("%s: want hosts: [{host: ADDRESS, user: NAME, port: N, key: FILE, advertise: IP}, ...]: %w", path, err)
	}
	if len(file.Hosts) < 1 || len(file.Hosts) > maxHosts {
		return nil, systems.Usagef("%s: %d hosts; want 1 to %d", path, len(file.Hosts), maxHosts)
	}
	seen := make(map[string]bool)
	for i := range file.Hosts {
		h := &file.Hosts[i]
		if err := h.complete(filepath.Dir(path)); err != nil {
			return nil, systems.Usagef("%s: host %d: %w", path, i+1, err)
		}
		if seen[h.Name] {
			return nil, systems.Usagef("%s: two hosts are called %s: give them names", path, h.Name)
		}
		seen[h.Name] = true
	}
	return file.Hosts, nil
}

// read reads a file of hosts as a whole.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxHostsFile+1))
	if err == nil && len(text) > maxHostsFile {
		err = fmt.Errorf("%s is longer than %d bytes", path, maxHostsFile)
	}
	return text, err
}

// complete fills in what was left out. A key's path is relative to the file.
func (h *Host) complete(dir string) error {
	if h.Name == "" {
		h.Name = h.Host
	}
	if h.Advertise == "" && net.ParseIP(h.Host) != nil {
		h.Advertise = h.Host
	}
	if rest, ok := strings.CutPrefix(h.Key, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return err
		}
		h.Key = filepath.Join(home, rest)
	} else if h.Key != "" && !filepath.IsAbs(h.Key) {
		h.Key = filepath.Join(dir, h.Key)
	}
	switch {
	case h.Host == "" || strings.HasPrefix(h.Host, "-"):
		return errors.New("host: give its address or its alias in ssh's configuration")
	case len(h.Name) > maxHostName || !hostName.MatchString(h.Name):
		return fmt.Errorf("name %q: use letters, digits, dots and hyphens", h.Name)
	case h.Name == record.Runner:
		return fmt.Errorf("name %q: results call the machine so that dyno run is called on", h.Name)
	case h.Port < 0 || h.Port > 65535:
		return fmt.Errorf("port %d: want 1 to 65535, or none", h.Port)
	case h.Advertise == "":
		return fmt.Errorf("advertise: give the IP by which the other machines reach %s", h.Host)
	}
	return agent.CheckAdvertise(h.Advertise)
}

// connectTimeout is what ssh may take to connect, seconds.
const connectTimeout = 10

// args are those of ssh before the command. Its own multiplexing would leave the
// remote side running when a client is killed.
func (h Host) args() []string {
	out := []string{
		"-T", "-o", "BatchMode=yes", "-o", "ControlMaster=no", "-o", "ControlPath=none", "-o", "ClearAllForwardings=yes",
		"-o", "ConnectTimeout=" + strconv.Itoa(connectTimeout),
	}
	for _, o := range h.Options {
		out = append(out, "-o", o)
	}
	if h.User != "" {
		out = append(out, "-l", h.User)
	}
	if h.Port != 0 {
		out = append(out, "-p", strconv.Itoa(h.Port))
	}
	if h.Key != "" {
		out = append(out, "-i", h.Key)
	}
	return append(out, "--", h.Host)
}
