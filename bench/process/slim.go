package process

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
)

// stampTag begins the build tag by which make build names the sources of a
// program: the go command writes tags into what it links.
const stampTag = "sources_"

// Stamp names the sources that this program was built from; empty: nobody knows.
func Stamp() string {
	build, _ := debug.ReadBuildInfo()
	return stampOf(build)
}

func stampOf(b *debug.BuildInfo) string {
	if b == nil {
		return ""
	}
	for _, s := range b.Settings {
		for tag := range strings.SplitSeq(s.Value, ",") {
			if stamp, ok := strings.CutPrefix(tag, stampTag); ok && s.Key == "-tags" {
				return stamp
			}
		}
	}
	return ""
}

// TracesVar names the collector to which this process and those that it starts send
// what they do. Only the program that [Whole] returns can, so it runs all roles then.
const TracesVar = "DYNO_TRACES"

// What the names of the programs beside dyno have more than its own.
const (
	slimSuffix  = "-role"
	largeSuffix = "-large"
	wholeSuffix = "-whole"
)

// Linked says that this program links what [systems.Role].Whole speaks of.
var Linked bool

// slim, large and whole are looked for once. Functions in variables would be linked into
// roles, too, and with them what reads programs of every format.
var slim, large, whole struct {
	sync.Once
	path string
}

// Slim returns the program beside dyno's own that runs roles and links nothing
// else: what is measured then is the role. It is "" if there is none, or one of
// other sources; dyno runs the roles itself then. It is read, not run.
func Slim() string {
	slim.Do(func() { slim.path = beside(slimSuffix) })
	return slim.path
}

// Large returns the program beside dyno's own that runs the roles that are too large
// for it and the slim one; "" if there is none of the same sources.
func Large() string {
	large.Do(func() { large.path = beside(largeSuffix) })
	return large.path
}

// Whole returns the program that links what [systems.Role].Whole speaks of: this
// one, or that beside it; "" if there is none of the same sources.
func Whole() string {
	whole.Do(func() {
		exe, err := os.Executable()
		if whole.path = exe; !Linked || err != nil {
			whole.path = beside(wholeSuffix)
		}
	})
	return whole.path
}

// Dyno returns the path of dyno itself, in its whole program, too: that is another
// one of the same sources, for which nothing is measured anew.
func Dyno() (string, error) {
	if dyno := beside(""); dyno != "" {
		return dyno, nil
	}
	return os.Executable()
}

// beside is a program of the same sources whose name ends otherwise; "": none.
func beside(suffix string) string {
	exe, err := os.Executable()
	path := strings.TrimSuffix(exe, wholeSuffix) + suffix
	if err != nil || Stamp() == "" || replaced(path, Stamp()) != nil {
		return ""
	}
	return path
}

// Libraries are the modules that this program links, and those beside it.
func Libraries() (all []*debug.Module) {
	if build, ok := debug.ReadBuildInfo(); ok {
		all = build.Deps
	}
	for _, path := range []string{Whole(), Large()} {
		if build, err := buildinfo.ReadFile(path); err == nil && !Linked {
			all = append(all, build.Deps...)
		}
	}
	return all
}

// replaced is an error unless a program, as it lies there now, is of the sources that
// a stamp names.
func replaced(path, stamp string) error {
	build, err := buildinfo.ReadFile(path)
	if err == nil && stampOf(build) != stamp {
		err = fmt.Errorf("%s is of other sources than the dyno that runs: it was built anew meanwhile; run that one", path)
	}
	return err
}
