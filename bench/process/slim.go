package process

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"dyno/systems"
)

// stamp names the sources that a program was built from. The linker sets it
// (make build); empty: nobody knows.
var stamp string

// Stamp is what the slim program says of itself when it is given StampArg: its
// sources, and the systems whose roles it runs.
func Stamp(known []*systems.System) string {
	words := []string{stamp}
	for _, s := range known {
		words = append(words, s.Name)
	}
	return strings.Join(words, " ")
}

// StampArg asks the slim program for its stamp.
const StampArg = "--stamp"

// TracesVar names the collector to which this process and those that it starts send
// what they do. The slim program cannot, so dyno runs all roles itself then.
const TracesVar = "DYNO_TRACES"

// slimSuffix is what the name of the slim program has more than that of dyno.
const slimSuffix = "-role"

// Slim returns the program beside dyno's own that runs roles and links nothing
// else: what is measured then is the role. It is "" if there is none, or one of
// other sources; dyno runs the roles itself then.
func Slim() string {
	path, _ := slim()
	return path
}

// slim returns that program and the systems that it knows.
var slim = sync.OnceValues(func() (path string, known []string) {
	exe, err := os.Executable()
	if err != nil || stamp == "" {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	path = exe + slimSuffix
	says, err := exec.CommandContext(ctx, path, StampArg).Output()
	if words := strings.Fields(string(says)); err == nil && len(words) > 0 && words[0] == stamp {
		return path, words[1:]
	}
	return "", nil
})
