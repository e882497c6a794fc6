// Package exported reads what a service exports in Prometheus' text format. It is
// apart from package sample, which roles link: its libraries are not for them.
package exported

import (
	"context"
	"fmt"
	"io"
	"net/http"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"dyno/bench/sample"
)

const maxPage = 16 << 20 // bytes

// Series are some of those at a URL: names, with labels or without, joined by
// commas: a_total, b{code="OK"}. What several series of a name have is added up. A
// page that cannot be read is an error of Look, as is a series that it does not have.
func Series(url, series string) (sample.Source, error) {
	selectors, err := parseSelectors(series)
	if err != nil {
		return sample.Source{}, err
	}
	s := sample.Source{URL: url, Look: func(ctx context.Context) ([]float64, []bool, error) {
		families, err := fetch(ctx, url)
		values, counters := make([]float64, len(selectors)), make([]bool, len(selectors))
		for i := 0; err == nil && i < len(selectors); i++ {
			values[i], counters[i], err = selectors[i].value(families)
		}
		return values, counters, err
	}}
	for _, sel := range selectors {
		s.Names = append(s.Names, sel.text)
	}
	return s, nil
}

// fetch reads one page.
func fetch(ctx context.Context, url string) (map[string]*dto.MetricFamily, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/plain;version=0.0.4")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s", resp.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(io.LimitReader(resp.Body, maxPage))
	if err != nil {
		return nil, fmt.Errorf("no metrics in Prometheus' text format: %w", err)
	}
	return families, nil
}
