package driver

import (
	"time"

	"dyno/bench/evidence"
	"dyno/bench/load"
	"dyno/internal/record"
)

// What a timeline is reported as.
const (
	seriesCalls    = "calls_over_time"
	seriesResponse = "response_over_time"
)

// TimelineMetrics are what [Report.ObserveTimeline] sets, for the metrics of a
// system whose loads change with time.
var TimelineMetrics = []record.Metric{
	{
		Name: seriesCalls, Kind: record.KindSeries, Unit: "req/s",
		Help: "requests sent, and those among them that were answered OK, step by step: an open loop's by when they were to start",
		Road: evidence.Timeline(load.DigestLatency),
	},
	{
		Name: seriesResponse, Kind: record.KindSeries, Unit: "ms", Better: record.Lower,
		Help: "response time step by step; 0 where nothing was answered", Road: evidence.Worst(load.DigestLatency),
	},
}

// ObserveTimeline sets them, where a loop brought them.
func (r *Report) ObserveTimeline(o *record.Observation) {
	t := r.Timeline
	if t == nil {
		return
	}
	begin, end := r.Measured()
	left := end.Sub(begin) // of a run that was stopped, less than was planned
	var sent, ok, p50, p99, worst []float64
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	for i := range t.Sent {
		if left <= 0 {
			break
		}
		took := min(t.Step, left).Seconds()
		left -= t.Step
		sent, ok = append(sent, float64(t.Sent[i])/took), append(ok, float64(t.OK[i])/took)
		p50, p99, worst = append(p50, ms(t.P50[i])), append(p99, ms(t.P99[i])), append(worst, ms(t.Worst[i]))
	}
	o.SetSeries(seriesCalls, record.Series{Step: t.Step.Seconds(), Lines: []record.Line{
		{Name: "sent", Values: sent}, {Name: "OK", Values: ok},
	}})
	o.SetSeries(seriesResponse, record.Series{Step: t.Step.Seconds(), Lines: []record.Line{
		{Name: "p50", Values: p50}, {Name: "p99", Values: p99}, {Name: "worst", Values: worst},
	}})
}
