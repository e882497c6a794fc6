package experiments

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/host"
	"github.com/shirou/gopsutil/v3/load"
	"github.com/shirou/gopsutil/v3/mem"

	"dyno/bench/process"
	"dyno/internal/record"
)

// reported are the modules whose versions can change a figure.
var reported = []string{
	"google.golang.org/grpc",
	"google.golang.org/protobuf",
	"go.etcd.io/etcd/server/v3",
	"github.com/HdrHistogram/hdrhistogram-go",
	"github.com/bojand/ghz",
	"github.com/shirou/gopsutil/v3",
	"golang.org/x/perf",
	"gonum.org/v1/plot",
}

// Reported says whether a module's version can change a figure.
func Reported(module string) bool { return slices.Contains(reported, module) }

// binary is the fingerprint of what this process and its roles run.
func binary() (string, error) {
	exe, err := process.Dyno()
	if err != nil {
		return "", err
	}
	return programs.fingerprint(exe, process.Slim(), process.Large())
}

var programs printed

// printed keeps the last fingerprint as long as its files stay as they are: who builds
// dyno anew between two experiments has other roles in the second.
type printed struct {
	mu      sync.Mutex
	of, sum string
}

func (p *printed) fingerprint(paths ...string) (sum string, err error) {
	files := make([]string, 0, len(paths))
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			files = append(files, fmt.Sprintln(path, info.Size(), info.ModTime().UnixNano()))
		}
	}
	of := strings.Join(files, "")
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == of && p.sum != "" {
		return p.sum, nil
	}
	if sum, err = fingerprint(paths...); err == nil {
		p.of, p.sum = of, sum
	}
	return sum, err
}

// Surroundings are where this process runs: that does not change.
var Surroundings = sync.OnceValue(func() record.Environment {
	env := environment(context.Background())
	env.Roles = linked(process.Slim())
	return env
})

// environment describes the machine and the build. What cannot be read stays
// empty: a figure is not lost because a container hides its CPU's name.
func environment(ctx context.Context) record.Environment {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	env := record.Environment{
		Cores:        runtime.NumCPU(),
		Go:           runtime.Version(),
		Dependencies: make(map[string]string),
	}
	if info, err := cpu.InfoWithContext(ctx); err == nil && len(info) > 0 {
		env.CPU = strings.TrimSpace(info[0].ModelName)
	}
	if m, err := mem.VirtualMemoryWithContext(ctx); err == nil {
		env.MemoryBytes = m.Total
	}
	if h, err := host.InfoWithContext(ctx); err == nil {
		env.OS = strings.TrimSpace(h.Platform + " " + h.PlatformVersion)
		env.Kernel = h.KernelVersion
		env.Virtual = h.VirtualizationSystem
	}
	for _, m := range process.Libraries() {
		if Reported(m.Path) {
			env.Dependencies[m.Path] = m.Version
		}
	}
	env.Commit, env.Dirty = checkout(ctx, "")
	return env
}

// checkout is dyno's own in a folder, and whether it was changed; empty in that of
// another program. It is asked, since dyno is built without VCS stamps, so that the
// same sources give the same binary.
func checkout(ctx context.Context, dir string) (commit string, dirty bool) {
	git := func(args ...string) (string, bool) {
		// Without its optional lock, which a run that is interrupted right now
		// would leave behind in the checkout.
		c := exec.CommandContext(ctx, "git", append([]string{"--no-optional-locks"}, args...)...)
		c.Dir = dir
		out, err := c.Output()
		return strings.TrimSpace(string(out)), err == nil
	}
	out, ok := git("rev-parse", "HEAD", "--show-toplevel")
	head, top, both := strings.Cut(out, "\n")
	if !ok || !both {
		return "", false
	}
	if mod, err := os.ReadFile(filepath.Join(top, "go.mod")); err != nil || !strings.HasPrefix(string(mod), "module dyno\n") {
		return "", false
	}
	changes, ok := git("status", "--porcelain", "--", ":!results", ":!plots", ":!REPORT.md", ":!report.html")
	return head, ok && changes != ""
}

// noise reads the load average and the steal time.
func noise(ctx context.Context) (load1, steal float64) {
	if avg, err := load.AvgWithContext(ctx); err == nil {
		load1 = avg.Load1
	}
	if t, err := cpu.TimesWithContext(ctx, false); err == nil && len(t) > 0 {
		steal = t[0].Steal
	}
	return load1, steal
}

// linked says in which program roles run, and how much that links: the slim one,
// or dyno itself where there is none.
func linked(slim string) string {
	name, build := "dyno itself", (*debug.BuildInfo)(nil)
	if slim == "" {
		build, _ = debug.ReadBuildInfo()
	} else if read, err := buildinfo.ReadFile(slim); err == nil {
		name, build = filepath.Base(slim), read
	}
	if build == nil {
		return name
	}
	return fmt.Sprintf("%s (%d modules)", name, len(build.Deps))
}

// fingerprint is the SHA-256 of files, one after another, in hexadecimal; empty
// paths are no files.
func fingerprint(paths ...string) (string, error) {
	h := sha256.New()
	for _, path := range paths {
		if path == "" {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(h, f)
		_ = f.Close() // it was read only
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
