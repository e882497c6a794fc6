package record

import (
	"strings"
	"time"
)

// Trial is one line of trials.jsonl: one cell, measured once, with fresh
// processes. Either Observation or Error is set.
type Trial struct {
	ID          string       `json:"id"` // unique within the file, for example "lb-policies-b02-c004"
	Experiment  string       `json:"experiment"`
	System      string       `json:"system"`
	Binary      string       `json:"binary"` // SHA-256 of the executable, with the slim one beside it where that runs the roles
	Load        Load         `json:"load"`
	Block       int          `json:"block"` // the repeat it belongs to, from 1
	Cell        int          `json:"cell"`  // index of the cell in the plan of its time, from 1; see [Run.Choose]
	Detail      bool         `json:"detail,omitempty"`
	Values      Values       `json:"values"`
	Seed        uint64       `json:"seed"`
	Warmup      Seconds      `json:"warmup_s"`
	Length      Seconds      `json:"length_s"`
	Started     time.Time    `json:"started"`
	Took        Seconds      `json:"took_s"` // with starting and reaping the processes
	Observation *Observation `json:"observation,omitempty"`
	Error       string       `json:"error,omitempty"`  // why there is no observation
	Absent      bool         `json:"absent,omitempty"` // because the machine lacks software that the cell needs, which Error names

	// Rejected says why earlier attempts at this trial proved nothing (their
	// verdict was unknown, mostly because the machine was busy), one text per
	// attempt. An invalid verdict is final at the first attempt.
	Rejected []string `json:"rejected,omitempty"`

	// Machines says on which machine each process ran; empty: all on the runner's.
	Machines map[string]string `json:"machines,omitempty"`

	// Control names the negative control that the trial is; empty for a trial
	// whose figures count. A control is broken on purpose.
	Control string `json:"control,omitempty"`

	// Prev and Seal chain the lines of trials.jsonl; see [Head].
	Prev string `json:"prev,omitempty"`
	Seal string `json:"seal,omitempty"`
	Line int    `json:"-"` // in the file, from 1

	// Yardsticks of the trial's block. They are stored once, in run.json; see
	// [Run.Attach].
	Yardsticks *Yardsticks `json:"-"`
}

// Status is the trial's verdict; a trial that ended in an error proves nothing.
func (t *Trial) Status() Status {
	if t.Observation == nil {
		return Undetermined
	}
	return t.Observation.Verdict.Status
}

// Proved says whether the trial came to a verdict, for or against the system. One
// that did not is measured again by the next run.
func (t *Trial) Proved() bool { return t.Status() != Undetermined }

// Shortcoming says in one line what keeps a trial from being valid; empty: nothing does.
func (t *Trial) Shortcoming() string {
	if t.Observation == nil {
		return t.Error
	}
	return strings.Join(t.Observation.Verdict.Reasons(), "; ")
}

// Run is run.json: all that a reader needs to know about how a set of trials
// came to be.
type Run struct {
	Experiment  Experiment  `json:"experiment"`
	Metrics     []Metric    `json:"metrics"`
	KnobUnits   []KnobUnit  `json:"knobs"`
	File        string      `json:"file,omitempty"` // of the experiment, as typed; empty: built in
	Out         string      `json:"out,omitempty"`  // folder of results/, as typed; empty: the repository
	Scale       string      `json:"scale"`
	Seed        uint64      `json:"seed"`
	Seeds       []uint64    `json:"seeds"`   // of the trials, by block
	Cells       []Cell      `json:"cells"`   // of the experiment at this scale; the place of one is its index, less 1
	Planned     int         `json:"planned"` // trials: the blocks of all cells
	Command     []string    `json:"command"`
	Binary      string      `json:"binary"`         // as in Trial
	Sealed      Head        `json:"sealed"`         // the end of trials.jsonl
	Seal        string      `json:"seal,omitempty"` // of all the rest of run.json; see [Run.Text]
	Started     time.Time   `json:"started"`
	Finished    *time.Time  `json:"finished,omitempty"` // absent: the run was cut short
	Environment Environment `json:"environment"`
	Blocks      []Noise     `json:"blocks"`
}

// KnobUnit is what the report needs to know about a knob: its name as an axis
// label and its unit.
type KnobUnit struct {
	Name string `json:"name"`
	Unit string `json:"unit,omitempty"`
	Help string `json:"help"`
}

// Environment is the machine and the software under which a run was made.
type Environment struct {
	CPU          string            `json:"cpu"`
	Cores        int               `json:"cores"`
	MemoryBytes  uint64            `json:"memory_bytes"`
	OS           string            `json:"os"`
	Kernel       string            `json:"kernel"`
	Virtual      string            `json:"virtualization,omitempty"`
	Go           string            `json:"go"`
	Commit       string            `json:"commit,omitempty"`
	Dirty        bool              `json:"dirty,omitempty"`
	Dependencies map[string]string `json:"dependencies"`

	// Roles is the program that ran the roles, and how many modules it links;
	// empty in results of before there was a slim one: dyno itself.
	Roles string `json:"roles,omitempty"`

	// Machines are those that ran the roles; empty: the one above did.
	Machines []Machine `json:"machines,omitempty"`
}

// Noise is what else the machine was doing around one block.
type Noise struct {
	Block       int       `json:"block"`
	Set         int       `json:"set,omitempty"`    // of machines, from 1; 0: there was one
	Started     time.Time `json:"started,omitzero"` // absent in results of before runs were resumed in mid-block
	LoadBefore  float64   `json:"load_before"`      // 1-minute load average
	LoadAfter   float64   `json:"load_after"`
	StealBefore float64   `json:"steal_before_s"` // CPU seconds taken by the hypervisor since boot
	StealAfter  float64   `json:"steal_after_s"`

	// Yardsticks were measured right before the block; nil in results of
	// before there were any.
	Yardsticks *Yardsticks `json:"yardsticks,omitempty"`

	// Trips between all pairs of machines, right before the block.
	Trips []Trip `json:"trips,omitempty"`
}
