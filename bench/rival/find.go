package rival

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"dyno/systems"
)

// The majors that the configurations here are written for.
const (
	redisMajor    = "7"
	postgresMajor = "15"
)

// Client is the program of module rivals that speaks to PostgreSQL.
const Client = "dyno-rivals"

// FindRedis returns the path of redis-server.
func FindRedis() (string, error) {
	return find("Redis "+redisMajor, "apt-get install redis-server", "v="+redisMajor+".", "redis-server")
}

// FindPostgres returns the folder of PostgreSQL's programs.
func FindPostgres() (string, error) {
	path, err := find("PostgreSQL "+postgresMajor, "apt-get install postgresql", " "+postgresMajor+".",
		"/usr/lib/postgresql/"+postgresMajor+"/bin/postgres", "postgres")
	return filepath.Dir(path), err
}

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

// find returns the first of some programs whose --version has a mark.
func find(what, get, mark string, programs ...string) (string, error) {
	if !supported {
		return "", &systems.AbsentError{What: what, Get: "other people's servers are run on Linux only"}
	}
	for _, p := range programs {
		path, err := exec.LookPath(p)
		if err != nil {
			continue
		}
		says, err := exec.Command(path, "--version").Output()
		if err == nil && strings.Contains(string(says), mark) {
			return path, nil
		}
	}
	return "", &systems.AbsentError{What: what, Get: get}
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
