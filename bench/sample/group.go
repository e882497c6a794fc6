package sample

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// groupRoot is where the kernel shows its control groups.
const groupRoot = "/sys/fs/cgroup"

// hierarchies are the folders below it that may each hold a group's files: of
// version 2 itself, of version 1 one for each controller.
var hierarchies = []string{"", "unified", "cpuacct", "cpu,cpuacct", "memory", "pids"}

// containerID is how container engines call what they run.
var containerID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{12,64}$`) })

// controlGroup is the files that say what a group of processes uses; empty: not told.
type controlGroup struct {
	cpu, memory string
}

// findGroup finds one by its folder, by its path below root, or by the id of the
// container that it is of.
func findGroup(root, name string) (*controlGroup, error) {
	rel := name
	if containerID().MatchString(name) {
		var err error
		if rel, err = containerGroup(root, name); err != nil {
			return nil, err
		}
	}
	var folders []string
	if filepath.IsAbs(rel) {
		folders = append(folders, rel)
		rel, _ = filepath.Rel(root, rel)
	}
	rel = filepath.Clean(rel)
	for _, h := range hierarchies {
		if part, ok := strings.CutPrefix(rel+"/", h+"/"); h != "" && ok {
			rel = filepath.Clean(part)
		}
	}
	if filepath.IsLocal(rel) {
		for _, h := range hierarchies {
			folders = append(folders, filepath.Join(root, h, rel))
		}
	}
	first := func(names ...string) string {
		for _, folder := range folders {
			for _, n := range names {
				if path := filepath.Join(folder, n); isFile(path) {
					return path
				}
			}
		}
		return ""
	}
	g := &controlGroup{
		cpu:    first("cpuacct.usage", "cpu.stat"),
		memory: first("memory.current", "memory.usage_in_bytes"),
	}
	if _, err := g.seconds(); err != nil {
		return nil, fmt.Errorf("control group %s: %w (give a folder, its path below %s, or a container's id)", name, err, root)
	}
	return g, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// containerGroup is the path of the group whose folder is named after an id.
func containerGroup(root, id string) (string, error) {
	found := ""
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || !d.IsDir():
			return nil // others' groups may be hidden, or gone meanwhile
		case strings.Contains(d.Name(), id):
			found = path
			return fs.SkipAll
		}
		return nil
	})
	if err != nil || found == "" {
		return "", fmt.Errorf("no control group below %s is named after container %s", root, id)
	}
	return found, nil
}

// seconds is the CPU time that the group has used.
func (g *controlGroup) seconds() (float64, error) {
	if g.cpu == "" {
		return 0, errors.New("it does not exist here, or does not tell its CPU time")
	}
	if filepath.Base(g.cpu) == "cpuacct.usage" {
		ns, err := number(g.cpu)
		return ns / 1e9, err
	}
	text, err := os.ReadFile(g.cpu)
	if err != nil {
		return 0, err
	}
	words := strings.Fields(string(text))
	if i := slices.Index(words, "usage_usec"); i >= 0 && i+1 < len(words) {
		us, err := strconv.ParseFloat(words[i+1], 64)
		return us / 1e6, err
	}
	return 0, fmt.Errorf("%s says no usage_usec", g.cpu)
}

// number reads a file that holds one; NaN and no error for no file.
func number(path string) (float64, error) {
	if path == "" {
		return math.NaN(), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
}

// probe reads a group as a process is read.
func (g *controlGroup) probe() (r reading, err error) {
	if r[cpu], err = g.seconds(); err != nil {
		return r, err
	}
	r[rss], err = number(g.memory)
	return r, err
}

func (g *controlGroup) clock() (float64, bool) {
	s, err := g.seconds()
	return s, err == nil
}
