package kube

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// pods is what is read of "kubectl get pods -o json".
type pods struct {
	Items []pod `json:"items"`
}

type pod struct {
	Metadata struct {
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
	Status struct {
		Phase      string      `json:"phase"`
		Reason     string      `json:"reason"`
		Message    string      `json:"message"`
		Conditions []condition `json:"conditions"`
		Containers []container `json:"containerStatuses"`
	} `json:"status"`
}

type condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

type container struct {
	State struct {
		Waiting    *reason `json:"waiting"`
		Terminated *reason `json:"terminated"`
		Running    *struct{}
	} `json:"state"`
}

type reason struct {
	Reason   string `json:"reason"`
	Message  string `json:"message"`
	ExitCode int    `json:"exitCode"`
}

// name is that of the machine: without what the Job appends.
func (p pod) name() string {
	if index, ok := p.Metadata.Labels["batch.kubernetes.io/job-completion-index"]; ok {
		return p.Metadata.Labels[Label] + "-" + index
	}
	return p.Metadata.Name
}

// state is whether a pod runs, whether it can still come to, and else why not.
func (p pod) state() (runs, over bool, why string) {
	switch p.Status.Phase {
	case "Failed", "Succeeded":
		return false, true, p.end()
	case "Running":
		for _, c := range p.Status.Containers {
			if c.State.Terminated != nil {
				return false, true, p.end()
			}
		}
		return true, false, ""
	}
	return false, false, cmp.Or(p.waiting(), "no node has taken it up yet")
}

// end says how a pod ended.
func (p pod) end() string {
	text := strings.TrimSpace(p.Status.Reason + " " + p.Status.Message)
	for _, c := range p.Status.Containers {
		if t := c.State.Terminated; t != nil && text == "" {
			text = strings.TrimSpace(fmt.Sprintf("exit code %d %s", t.ExitCode, t.Message))
		}
	}
	return "has ended: " + cmp.Or(text, "nobody knows why")
}

// waiting says what a pod waits for, in the cluster's words.
func (p pod) waiting() string {
	for _, c := range p.Status.Conditions {
		if c.Type == "PodScheduled" && c.Status == "False" && c.Message != "" {
			return "is not scheduled: " + c.Message
		}
	}
	for _, c := range p.Status.Containers {
		if w := c.State.Waiting; w != nil && w.Reason != "" {
			return strings.TrimSuffix("waits: "+w.Reason+": "+w.Message, ": ")
		}
	}
	return ""
}

// What pods are, as their certificates are called.
const (
	partyRunner = "runner"
	partyAgent  = "agent"
)

// roll is who of a run has come.
type roll struct {
	over   bool     // some machine cannot come any more
	absent []string // each with its reason, in the order of names

	parties map[string]string // pods that run, and what each is
}

// call takes the roll of a run: its machines and its runner.
func (r Run) call(found []byte) (roll, error) {
	var all pods
	if err := json.Unmarshal(found, &all); err != nil {
		return roll{}, fmt.Errorf("kubectl get pods: %w", err)
	}
	wanted := map[string]string{r.Runner(): partyRunner}
	for i := range r.Nodes {
		wanted[fmt.Sprintf("%s-%d", r.Name, i)] = partyAgent
	}
	byName := make(map[string]pod)
	for _, p := range all.Items {
		byName[p.name()] = p
	}
	out := roll{parties: make(map[string]string)}
	for name, party := range wanted {
		p, ok := byName[name]
		if !ok {
			out.absent = append(out.absent, name+" has no pod yet")
			continue
		}
		runs, over, why := p.state()
		if runs {
			out.parties[p.Metadata.Name] = party
			continue
		}
		out.over = out.over || over
		out.absent = append(out.absent, name+" "+why)
	}
	slices.Sort(out.absent)
	return out, nil
}
