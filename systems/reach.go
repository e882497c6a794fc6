package systems

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Reach is where a role listens, and where it tells others to find it: the two
// differ behind a translated address, and when it listens on all addresses of a
// machine, of which no other machine can use the name.
type Reach struct {
	Listen    string // HOST:PORT; port 0 takes a free one
	Advertise string // HOST or HOST:PORT; empty: where it listens
}

// BindReach declares --listen and --advertise; help is for --listen.
func BindReach(fs FlagSet, listen, help string) *Reach {
	r := new(Reach)
	fs.StringVar(&r.Listen, "listen", listen, help)
	fs.StringVar(&r.Advertise, "advertise", "",
		"HOST or HOST:PORT that others are given in place of --listen's; needed where that is 0.0.0.0 or another address of no machine")
	return r
}

// Check refuses what would be announced in vain.
func (r *Reach) Check() error {
	if r.Advertise == "" {
		if err := Reachable(r.Listen); err != nil {
			return Usagef("--listen %s: %w; give an address of this machine, or add --advertise HOST, where others find it", r.Listen, err)
		}
		return nil
	}
	if err := Reachable(r.At("127.0.0.1:1")); err != nil {
		return Usagef("--advertise %s: %w; give HOST or HOST:PORT as others are to dial it", r.Advertise, err)
	}
	return nil
}

// At is what is announced by a role that listens at HOST:PORT.
func (r *Reach) At(listening string) string {
	if r.Advertise == "" {
		return listening
	}
	if _, _, err := net.SplitHostPort(r.Advertise); err == nil {
		return r.Advertise
	}
	_, port, _ := net.SplitHostPort(listening) // a listener's: it has a port
	return net.JoinHostPort(r.Advertise, port)
}

// HostPort refuses what nobody could dial, of the addresses that a flag gives.
func HostPort(flag string, addresses ...string) error {
	for _, a := range addresses {
		if !strings.Contains(a, ":") {
			return Usagef("%s: %q is not HOST:PORT, such as 127.0.0.1:7000", flag, a)
		}
	}
	return nil
}

// Reachable says why nobody else could dial HOST:PORT. What is no address at all
// is left to whoever listens there.
func Reachable(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil
	}
	ip, err := netip.ParseAddr(host)
	if host == "" || err == nil && ip.Unmap().IsUnspecified() {
		return fmt.Errorf("%q stands for all addresses of a machine, and is none that another machine can dial", host)
	}
	return nil
}
