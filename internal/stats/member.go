package stats

import "dyno/internal/record"

// Member is one label of a vector, summarized over blocks.
type Member struct {
	Label string
	Summary
}

// Members summarizes a vector over the valid trials of one cell, label by
// label in the order of their first appearance. The error is [ErrNoTrial].
func Members(trials []*record.Trial, vector string) ([]Member, error) {
	values := make(map[string][]float64)
	var labels []string
	for _, t := range Valid(trials) {
		v := t.Observation.Vectors[vector]
		for i, label := range v.Labels {
			if _, seen := values[label]; !seen {
				labels = append(labels, label)
			}
			values[label] = append(values[label], v.Values[i])
		}
	}
	if len(labels) == 0 {
		return nil, ErrNoTrial
	}
	out := make([]Member, len(labels))
	for i, label := range labels {
		out[i] = Member{Label: label, Summary: Summarize(values[label])}
	}
	return out, nil
}
