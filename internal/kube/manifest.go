package kube

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
	"text/template"
	"time"

	"dyno/systems"
)

// Run is what one sweep needs of a cluster.
type Run struct {
	Name      string        // of all objects, and the value of their label; a DNS label
	Nodes     int           // machines, 1 to MaxNodes
	Image     string        // reference that the nodes can pull, or have
	Namespace string        // empty: that of kubectl's context
	Queue     string        // of Kueue, which starts all machines or none; empty: none
	CPUs      int           // whole cores of each machine
	Memory    string        // of each machine, such as 2Gi
	Deadline  time.Duration // after which the cluster ends everything
	Patience  time.Duration // until all machines must have come
	Args      []string      // of dyno run, in the runner's pod
}

const (
	// MaxNodes is how many machines a run may have: see docs/scale.md.
	MaxNodes = 1000
	// Label is what all objects of a run have, with its name.
	Label = "dyno-run"
	// AgentPort is where agents listen.
	AgentPort = 7500
	// Out is the runner's output folder in its pod.
	Out = "/tmp/out"
	// afterBarrier is how much longer a machine waits for certificates than the barrier
	// for machines.
	afterBarrier = time.Minute
	// cleanup is how long the cluster keeps a Job that has ended.
	cleanup = 10 * time.Minute
	// maxName leaves room for the index of a pod and for the suffixes.
	maxName = 40
)

var (
	dnsLabel = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)
	memory   = regexp.MustCompile(`^[1-9][0-9]*(Mi|Gi)$`)
	image    = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*$`)
)

// Check refuses what the cluster would, or what it would take for something else.
func (r Run) Check() error {
	switch {
	case !dnsLabel.MatchString(r.Name) || len(r.Name) > maxName:
		return systems.Usagef("--name %q: give at most %d lower-case letters, digits and hyphens, a letter first", r.Name, maxName)
	case r.Nodes < 1 || r.Nodes > MaxNodes:
		return systems.Usagef("--nodes %d: give 1 to %d machines", r.Nodes, MaxNodes)
	case !image.MatchString(r.Image):
		return systems.Usagef("--image %q: give an image's reference, as make image prints it: registry.example/dyno:1@sha256:…", r.Image)
	case r.Namespace != "" && !dnsLabel.MatchString(r.Namespace):
		return systems.Usagef("--namespace %q is not the name of a namespace", r.Namespace)
	case r.Queue != "" && !dnsLabel.MatchString(r.Queue):
		return systems.Usagef("--queue %q is not the name of a local queue", r.Queue)
	case r.CPUs < 1 || r.CPUs > 1024:
		return systems.Usagef("--cpus %d: give whole cores, 1 to 1024: less than one is throttled, and measures the throttle", r.CPUs)
	case !memory.MatchString(r.Memory):
		return systems.Usagef("--memory %q: give a size such as 512Mi or 2Gi", r.Memory)
	case r.Patience < time.Second || r.Deadline <= r.Patience:
		return systems.Usagef("--deadline %v, --patience %v: the patience is at least 1s, the deadline longer", r.Deadline, r.Patience)
	}
	return nil
}

// Host is the name of a machine's pod within the cluster.
func (r Run) Host(machine int) string { return fmt.Sprintf("%s-%d.%s", r.Name, machine, r.Name) }

// Selector is what kubectl finds the objects of the run by.
func (r Run) Selector() string { return Label + "=" + r.Name }

// Runner is the name of the runner's pod.
func (r Run) Runner() string { return r.Name + "-runner" }

//go:embed run.yaml.tmpl
var manifest string

// Manifest writes what kubectl is to create. There is no secret in it.
func (r Run) Manifest(w io.Writer) error {
	t, err := template.New("run").Funcs(template.FuncMap{
		"json":    quote,
		"literal": func(arg string) string { return strings.ReplaceAll(arg, "$(", "$$(") }, // Kubernetes puts variables there
		"seconds": func(d time.Duration) int { return int(math.Ceil(d.Seconds())) },
	}).Parse(manifest)
	if err != nil {
		return err
	}
	return t.Execute(w, filled{
		Run: r, Label: Label, Kinds: kinds, Keys: keysDir, Credentials: Credentials, Port: AgentPort, Cleanup: cleanup,
		Idle: r.Patience + afterBarrier,
	})
}

// filled is what the template is filled with.
type filled struct {
	Run
	Label, Kinds, Keys, Credentials string
	Port                            int
	Cleanup, Idle                   time.Duration
}

// quote makes of a value JSON, which is YAML whatever is in it.
func quote(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}
