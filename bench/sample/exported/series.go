package exported

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const maxSelectors = 32

// selector names series: all of a name whose labels have some values.
type selector struct {
	text, name string
	labels     map[string]string
}

func parseSelectors(text string) (out []selector, err error) {
	inside, quoted := false, false
	parts := strings.FieldsFunc(text, func(r rune) bool {
		switch {
		case r == '"':
			quoted = !quoted
		case !quoted && (r == '{' || r == '}'):
			inside = r == '{'
		}
		return r == ',' && !inside && !quoted
	})
	for _, p := range parts {
		s, err := parseSelector(strings.TrimSpace(p))
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(o selector) bool { return o.text == s.text }) {
			return nil, fmt.Errorf("series %s is named twice", s.text)
		}
		out = append(out, s)
	}
	if len(out) == 0 || len(out) > maxSelectors {
		return nil, fmt.Errorf("%q names %d series; want 1 to %d, joined by commas", text, len(out), maxSelectors)
	}
	return out, nil
}

// parseSelector reads one as Prometheus writes it, by the parser of its pages.
func parseSelector(text string) (selector, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text + " 0\n"))
	if err != nil || len(families) != 1 {
		return selector{}, fmt.Errorf(`%q names no series; want a_total, or a_total{code="OK"}`, text)
	}
	s := selector{text: text, labels: map[string]string{}}
	for name, f := range families {
		s.name = name
		for _, l := range f.GetMetric()[0].GetLabel() {
			s.labels[l.GetName()] = l.GetValue()
		}
	}
	return s, nil
}

// value adds up the series, and says whether they only grow.
func (s selector) value(families map[string]*dto.MetricFamily) (sum float64, counter bool, err error) {
	family, suffix := families[s.name], ""
	for _, end := range []string{"_count", "_sum"} { // of histograms and summaries
		if base, ok := strings.CutSuffix(s.name, end); ok && family == nil {
			family, suffix = families[base], end
		}
	}
	found := false
	for _, m := range family.GetMetric() {
		if v, ok := single(m, suffix); ok && s.matches(m) {
			sum, found = sum+v, true
		}
	}
	if !found {
		return 0, false, s.missing(families)
	}
	kind := family.GetType()
	counter = kind == dto.MetricType_COUNTER || suffix != "" || kind == dto.MetricType_UNTYPED && strings.HasSuffix(s.name, "_total")
	return sum, counter, nil
}

func (s selector) matches(m *dto.Metric) bool {
	left := len(s.labels)
	for _, l := range m.GetLabel() {
		if want, ok := s.labels[l.GetName()]; ok && want == l.GetValue() {
			left--
		}
	}
	return left == 0
}

// single is the number that one series has; a histogram has two, by their suffix.
func single(m *dto.Metric, suffix string) (float64, bool) {
	h, sum := m.GetHistogram(), m.GetSummary()
	switch {
	case suffix == "_count":
		return float64(h.GetSampleCount() + sum.GetSampleCount()), h != nil || sum != nil
	case suffix == "_sum":
		return h.GetSampleSum() + sum.GetSampleSum(), h != nil || sum != nil
	case h != nil || sum != nil:
		return 0, false
	}
	return m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue(), true
}

func (s selector) missing(families map[string]*dto.MetricFamily) error {
	if f := families[s.name]; f != nil {
		switch f.GetType() {
		case dto.MetricType_HISTOGRAM, dto.MetricType_SUMMARY:
			return fmt.Errorf("%s has no single number: name %s_count or %s_sum", s.name, s.name, s.name)
		}
		return fmt.Errorf("no series is %s; the name has %d with other labels", s.text, len(f.GetMetric()))
	}
	word, _, _ := strings.Cut(s.name, "_")
	var alike []string
	for name := range families {
		if strings.HasPrefix(name, word) {
			alike = append(alike, name)
		}
	}
	if slices.Sort(alike); len(alike) > 0 {
		return fmt.Errorf("no series is named %s; some that begin alike are %s", s.name, strings.Join(alike[:min(len(alike), 8)], ", "))
	}
	return errors.New("no series is named " + s.name)
}
