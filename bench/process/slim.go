package process

import (
	"debug/buildinfo"
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
	own := Stamp()
	if err != nil || own == "" {
		return ""
	}
	if build, err := buildinfo.ReadFile(exe + slimSuffix); err != nil || stampOf(build) != own {
		return ""
	}
	return exe + slimSuffix
})
