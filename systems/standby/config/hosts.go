package config

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"strings"

	"dyno/systems"
)

// DefaultPort is where a server listens whose address names no port.
const DefaultPort = 50051

// DefaultFile is how the file of hosts is called.
const DefaultFile = "serverhost.config"

// HostsExample is what a file of hosts looks like.
const HostsExample = `{"s1": "10.0.0.1", "s2": "10.0.0.2:50051"}`

// The names of the two servers.
const (
	S1 = "s1"
	S2 = "s2"
)

// Hosts are the addresses of a file serverhost.config, each HOST:PORT.
type Hosts struct {
	S1, S2  string
	Witness string // empty: there is none
}

// ReadHosts reads a file such as [HostsExample]; "witness" may be there as well.
func ReadHosts(path string) (Hosts, error) {
	s, err := read(path, HostsExample)
	if err != nil {
		return Hosts{}, err
	}
	return s.hosts()
}

// ParseHosts reads the text of a file, which the name stands for in errors.
func ParseHosts(name, text string) (Hosts, error) {
	return newSource(name, []byte(text)).hosts()
}

func (s source) hosts() (h Hosts, err error) {
	fields := map[string]*string{S1: &h.S1, S2: &h.S2, "witness": &h.Witness}
	owner := map[string]string{}
	err = s.object(func(m member) error {
		field, ok := fields[m.key]
		if !ok {
			return s.errorf(m.line, "%w", &systems.ChoiceError{Word: m.key, Allowed: []string{S1, S2, "witness"}})
		}
		text, ok := m.value.(string)
		if !ok {
			return s.errorf(m.line, `%q is %v, want an address in quotes, such as "10.0.0.1:50051"`, m.key, m.value)
		}
		addr, err := address(text)
		if err != nil {
			return s.errorf(m.line, "%q: %w", m.key, err)
		}
		if other, taken := owner[addr]; taken {
			return s.errorf(m.line, "%q has the address of %q, %s; give each its own", m.key, other, addr)
		}
		*field, owner[addr] = addr, m.key
		return nil
	})
	if err != nil {
		return Hosts{}, err
	}
	for _, name := range []string{S1, S2} {
		if *fields[name] == "" {
			return Hosts{}, s.errorf(s.lineAt(int64(len(s.text))), "%q is missing; a file looks like %s", name, HostsExample)
		}
	}
	return h, nil
}

// address completes HOST or HOST:PORT. A bare IPv6 address is a host.
func address(text string) (string, error) {
	host, port := strings.TrimSpace(text), strconv.Itoa(DefaultPort)
	bare := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if net.ParseIP(bare) == nil {
		if h, p, err := net.SplitHostPort(host); err == nil {
			host, port = h, p
		}
	} else {
		host = bare
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("port %q of %q is not a number from 1 to 65535", port, text)
	}
	if host == "" || strings.ContainsAny(host, " \t\r\n/\"'[]") || strings.Contains(host, ":") && net.ParseIP(host) == nil {
		return "", fmt.Errorf("%q is not HOST or HOST:PORT", text)
	}
	return net.JoinHostPort(host, port), nil
}

// Place is where a server stands in a pair.
type Place struct {
	Name  string // s1 or s2: what both call it, and clients' logs
	Self  string // its own address
	Peer  string // the other's
	First bool   // it begins as the primary, when neither has a past
}

// Place says where the server of a name stands. Without a name the file is the
// one of the original hand-out, where s1 is this machine and s2 the other one,
// on both machines: then the lower address, as text, is the pair's s1, so that
// both agree who begins.
func (h Hosts) Place(name string) (Place, error) {
	switch name {
	case S1:
		return Place{S1, h.S1, h.S2, true}, nil
	case S2:
		return Place{S2, h.S2, h.S1, false}, nil
	case "":
		if cmp.Less(h.S1, h.S2) {
			return Place{S1, h.S1, h.S2, true}, nil
		}
		return Place{S2, h.S1, h.S2, false}, nil
	}
	return Place{}, systems.Usagef("--name %w", &systems.ChoiceError{Word: name, Allowed: []string{S1, S2}})
}
