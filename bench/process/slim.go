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
// what they do. The slim program cannot, so dyno runs all roles itself then.
const TracesVar = "DYNO_TRACES"

// slimSuffix is what the name of the slim program has more than that of dyno.
const slimSuffix = "-role"

// Slim returns the program beside dyno's own that runs roles and links nothing
// else: what is measured then is the role. It is "" if there is none, or one of
// other sources; dyno runs the roles itself then. It is read, not run.
var Slim = sync.OnceValue(func() string {
	exe, err := os.Executable()
	if err != nil || Stamp() == "" || replaced(exe+slimSuffix, Stamp()) != nil {
		return ""
	}
	return exe + slimSuffix
})

// replaced is an error unless a program, as it lies there now, is of the sources that
// a stamp names.
func replaced(path, stamp string) error {
	build, err := buildinfo.ReadFile(path)
	if err == nil && stampOf(build) != stamp {
		err = fmt.Errorf("%s is of other sources than the dyno that runs: it was built anew meanwhile; run that one", path)
	}
	return err
}
