package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// probe tells in lines what a host has.
const probe = `echo "system $(uname -s)/$(uname -m)"
for p in head sha256sum mv chmod mktemp; do command -v $p >/dev/null || echo "lacks $p"; done
c="${XDG_CACHE_HOME:-$HOME/.cache}"
mkdir -p "$c/dyno" 2>/dev/null && [ -w "$c/dyno" ] || echo "readonly $c/dyno"
echo "free $(df -Pk "$c" 2>/dev/null | tail -n 1 | while read a b u f r; do echo "$f"; done)"
echo "tmp $(t=$(mktemp 2>/dev/null) && echo yes && rm -f "$t")"
`

const probeTimeout = 30 * time.Second

// architectures are Go's names of what uname says.
var architectures = map[string]string{
	"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "riscv64": "riscv64", "i686": "386", "armv7l": "arm",
}

// Lacks says what a host does not have of what agents need; nothing: all is there.
func (h Host) Lacks(ctx context.Context, programs []Program) []string {
	if _, err := exec.LookPath("ssh"); err != nil {
		return []string{"ssh is not installed on this machine: apt-get install openssh-client"}
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	s, err := h.start(probe)
	if err != nil {
		return []string{err.Error()}
	}
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) })
	text, err := io.ReadAll(io.LimitReader(s.conn, maxSaid))
	stop()
	err = errors.Join(err, s.close())
	if s.err != nil {
		return []string{"ssh does not get in: " + s.why()}
	}
	if err != nil {
		return []string{err.Error()}
	}
	return judge(string(text), programs)
}

// answers are what the probe prints at least once.
var answers = []string{"system", "free", "tmp"}

// judge reads what the probe has printed.
func judge(text string, programs []Program) (lacks []string) {
	need := int64(0)
	for _, p := range programs {
		need += p.Size
	}
	silent := slices.Clone(answers)
	for line := range strings.Lines(text) {
		what, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		silent = slices.DeleteFunc(silent, func(answer string) bool { return answer == what })
		switch what {
		case "system":
			system, arch, _ := strings.Cut(value, "/")
			if strings.ToLower(system) != runtime.GOOS || architectures[arch] != runtime.GOARCH {
				lacks = append(lacks, fmt.Sprintf("a system for this dyno, which is built for %s/%s: it is %s", runtime.GOOS, runtime.GOARCH, value))
			}
		case "lacks":
			lacks = append(lacks, "the program "+value+": install coreutils")
		case "readonly":
			lacks = append(lacks, "a folder for dyno's programs: "+value+" cannot be written; let XDG_CACHE_HOME name another")
		case "free":
			if free, err := strconv.ParseInt(value, 10, 64); err == nil && free<<10 < 2*need {
				lacks = append(lacks, fmt.Sprintf("room for dyno's programs: %d MiB are free, %d are needed", free>>10, 2*need>>20))
			}
		case "tmp":
			if value != "yes" {
				lacks = append(lacks, "a temporary folder that can be written, for trials: let TMPDIR name one")
			}
		}
	}
	if len(silent) > 0 { // a shell of another kind, a forced command, or a greeting without an end
		lacks = append(lacks, fmt.Sprintf("a shell that runs commands: it does not say what was asked (%s)", strings.Join(silent, ", ")))
	}
	return lacks
}
