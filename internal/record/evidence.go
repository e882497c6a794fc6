package record

// Evidence is what a trial's figures are held against: facts about the same
// trial that did not pass through the code that made the figures. The system
// gathers what its parts told (Begin, End, Spans, Facts), the engine what it saw
// itself from outside (Processes, Machine).
type Evidence struct {
	// The measured window by the wall clock, nanoseconds since 1970; both 0 for a
	// trial without one.
	Begin int64 `json:"begin_unix_ns,omitempty"`
	End   int64 `json:"end_unix_ns,omitempty"`

	Spans map[string]SpanDigest `json:"spans,omitempty"` // by the histogram that was made from them
	Facts map[string]float64    `json:"facts,omitempty"` // by name: what another party than the figure's own counted or timed

	// Method is the full name of the call that an operation makes, where knobs
	// say which.
	Method string `json:"method,omitempty"`

	Silence *Silence `json:"silence,omitempty"` // nil: there was none worth telling, or nobody looked

	// Slack is how far from the window's ends the system's own readings of CPU
	// time lay at most, nanoseconds; Missed is how many CPU seconds they may lack
	// of processes that ended within the window.
	Slack  int64   `json:"slack_ns,omitempty"`
	Missed float64 `json:"missed_cpu_s,omitempty"`

	Tick      float64           `json:"tick_s,omitempty"` // how stale the kernel's count of a running thread's CPU time may be, seconds
	Processes []ProcessEvidence `json:"processes,omitempty"`
	Cores     int               `json:"cores,omitempty"`         // of the machines that the processes were on; 0: of the reader's
	Machine   float64           `json:"machine_cpu_s,omitempty"` // busy CPU seconds of the machine in the window, by ticks; told, not held
}

// SpanDigest sums up the raw spans behind a histogram, by other code than the
// histogram's. Times are in nanoseconds.
type SpanDigest struct {
	Count int64   `json:"count"` // measured spans that were OK
	Sum   float64 `json:"sum_ns"`
	Min   int64   `json:"min_ns"`
	Max   int64   `json:"max_ns"`
	// exact, by the metric's suffix: "p50", "p99", "p999"; none where several windows were merged
	Quantiles map[string]int64 `json:"quantiles_ns,omitempty"`
	Window    int64            `json:"window_ns,omitempty"` // length of the window, of several merged ones together
	Area      float64          `json:"area_ns,omitempty"`   // under the number in flight, in the window
	Fringe    float64          `json:"fringe_ns"`           // Sum less Area: measured time outside the window less unmeasured time in it
	Sent      int64            `json:"sent,omitempty"`      // measured spans, whatever became of them
	// operations that the load model asked for in the window, gone through again; 0: not known
	Offered  int64 `json:"offered,omitempty"`
	Answered int64 `json:"answered,omitempty"` // spans that ended in the window and were OK
}

// ProcessEvidence is one process as the engine saw it from outside.
type ProcessEvidence struct {
	Name      string  `json:"name"`
	Role      string  `json:"role"`
	WindowCPU float64 `json:"window_cpu_s"`          // CPU seconds in the window, read from its CPU clock and interpolated
	Least     float64 `json:"least_cpu_s"`           // it is at least this, whatever happened between two readings, and however the slack fell
	Most      float64 `json:"most_cpu_s"`            // and at most this
	TotalCPU  float64 `json:"total_cpu_s,omitempty"` // from rusage at its exit; 0 while it runs
	LastCPU   float64 `json:"last_cpu_s,omitempty"`  // the last reading of its CPU clock
	LastAge   float64 `json:"last_age_s,omitempty"`  // seconds from that reading to its end
	GroupCPU  float64 `json:"group_cpu_s,omitempty"` // by its control group, since it was put there; 0: it had none that counts
	Covered   bool    `json:"covered"`               // there were readings at both ends of the window, or it lived within it

	// What the process itself counted at its sockets and calls, told at its exit;
	// nil of one that was killed.
	Calls *CallEvidence `json:"calls,omitempty"`
}

// CallEvidence is what a process counted beneath its own code: in interceptors
// and at its sockets. Health checks and reflection are left out of the calls.
type CallEvidence struct {
	Made     map[string]Calls `json:"made,omitempty"`   // as a client, by full method name
	Served   map[string]Calls `json:"served,omitempty"` // as a server
	SentB    int64            `json:"sent_b"`           // bytes written to sockets
	Received int64            `json:"received_b"`       // bytes read from sockets
}

// Calls counts calls of one method by how they ended.
type Calls struct {
	OK     int64 `json:"ok"`
	Failed int64 `json:"failed"`
}

// Road is a second way to a figure: the law that ties a metric to evidence. The
// zero value says that there is none: the figure is not cross-checked.
type Road struct {
	// Law says in a few words what the figure is held against, for the reader of
	// a table: "the servers' own counts over the window".
	Law string `json:"law"`
	// Hold holds the figure of that name against o.Evidence. Nil evidence where
	// the law needs some gives an unknown check, a contradiction an invalid one;
	// a check without a status says that the law does not concern this trial.
	// It is called only for figures that the trial reports. Nil for a law that is
	// told and not held, such as that of a calculation.
	Hold func(metric string, o *Observation) Check `json:"-"`
}
