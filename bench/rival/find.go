package rival

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"dyno/internal/record"
	"dyno/systems"
)

// Software is a program that others wrote, in the version that the
// configurations here are written for.
type Software struct {
	Name    string // with the major version that is wanted
	Package string // of Debian, that installs it
	Of      string // Debian's package that has the program, whose version is recorded; empty: Package
	Missing string // what is not measured without it

	programs []string // of which the first is taken that has the mark
	flag     string   // with which it says its version
	mark     string   // what it must say then
}

// Who is measured beside our own systems.
var (
	redisServer = Software{
		Name: "Redis 7", Package: "redis-server", Missing: "standby-peers, standby-sentinel and branch-peers go without Redis",
		programs: []string{"redis-server"}, flag: "--version", mark: "v=7.",
	}
	postgres = Software{
		Name: "PostgreSQL 15", Package: "postgresql", Of: "postgresql-15",
		Missing:  "2pc-peer has no peer; standby-peers and branch-peers go without PostgreSQL",
		programs: []string{"/usr/lib/postgresql/15/bin/postgres", "postgres"}, flag: "--version", mark: " 15.",
	}
	nginx = Software{
		Name: "nginx 1", Package: "nginx-light", Of: "nginx", Missing: "lb-rivals goes without nginx",
		programs: []string{"nginx", "/usr/sbin/nginx"}, flag: "-v", mark: "nginx/1.",
	}
	haproxy = Software{
		Name: "HAProxy 2", Package: "haproxy", Missing: "lb-rivals goes without HAProxy",
		programs: []string{"haproxy", "/usr/sbin/haproxy"}, flag: "-v", mark: "version 2.",
	}
	etcd = Software{
		Name: "etcd 3", Package: "etcd-server", Missing: "standby-peers and standby-quorum go without etcd",
		programs: []string{"etcd"}, flag: "--version", mark: "etcd Version: 3.",
	}
)

// Programs that are no servers.
var (
	Mawk = Software{
		Name: "mawk 1", Package: "mawk", programs: []string{"mawk"}, flag: "-Wversion", mark: "mawk 1.",
	}
	Coreutils = Software{
		Name: "GNU coreutils", Package: "coreutils", programs: []string{"sort"}, flag: "--version", mark: "GNU coreutils",
	}
)

// All are the servers.
var All = []Software{nginx, haproxy, redisServer, postgres, etcd}

// Find returns the path of a program.
func (s Software) Find() (string, error) {
	if !supported {
		return "", &systems.AbsentError{What: s.Name, Get: "other people's programs are run on Linux only"}
	}
	for _, p := range s.programs {
		path, err := exec.LookPath(p)
		if err != nil {
			continue
		}
		says, err := exec.Command(path, s.flag).CombinedOutput() // nginx answers on standard error
		if err == nil && strings.Contains(string(says), s.mark) {
			return path, nil
		}
	}
	return "", &systems.AbsentError{What: s.Name, Get: "apt-get install " + s.Package}
}

// Version says which package of Debian was found, and in which version:
// "redis-server 5:7.0.15-1~deb12u10".
func (s Software) Version() string {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Package} ${Version}", cmp.Or(s.Of, s.Package)).Output()
	if err != nil {
		return s.Name + ", not of a package of Debian"
	}
	return string(out)
}

// Checked says with which software a trial was made: a check that always passes,
// for what a history tells goes no other way into the results.
func Checked(version string) record.Check {
	c := record.Pass("software", 1)
	c.Detail = version
	return c
}

// Client is the program of module rivals that speaks to PostgreSQL.
const Client = "dyno-rivals"

// FindClient returns the path of [Client], which lies beside dyno, or in PATH.
func FindClient() (string, error) {
	if self, err := os.Executable(); err == nil {
		if path := filepath.Join(filepath.Dir(self), Client); executable(path) {
			return path, nil
		}
	}
	if path, err := exec.LookPath(Client); err == nil {
		return filepath.Abs(path)
	}
	return "", &systems.AbsentError{What: Client + ", which speaks to PostgreSQL,", Get: "make rivals builds it beside bin/dyno"}
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
