package figure_test

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"testing"

	"dyno/internal/figure"
)

// samples are charts that stress the layout: few and many series, long names,
// huge and tiny values, logarithmic axes, zeros, gaps, theory.
func samples() map[string]figure.Chart {
	all := plainBars()
	for _, more := range []map[string]figure.Chart{oddBars(), plainLines(), oddLines(), vectors(), timelines(), odd()} {
		maps.Copy(all, more)
	}
	return all
}

var (
	policies = []string{"pick_first", "round_robin", "least_load", "power_of_two", "weighted_round_robin"}
	clients  = []string{"1", "10", "50", "100", "200"}
)

func plainBars() map[string]figure.Chart {
	return map[string]figure.Chart{
		"bars-one-series": {
			Kind: "bars", Title: "Least load serves most", X: figure.Axis{Label: "policy"}, Y: figure.Axis{Label: "throughput (req/s)"},
			Panels: []figure.Panel{{Categories: policies, Series: []figure.Series{series("", figure.Neutral, 5, 588)}}},
		},
		"bars-five-series": {
			Kind: "bars", Title: "Throughput by number of clients: only pick_first stays where one server is", Legend: "policy",
			X: figure.Axis{Label: "clients"}, Y: figure.Axis{Label: "throughput (req/s)"},
			Panels: []figure.Panel{{Categories: []string{"10", "100"}, Series: many(policies, 2, 588)}},
		},
		"bars-gaps-theory": {
			Kind: "bars", Title: "Missing cells leave a gap", Legend: "policy",
			X: figure.Axis{Label: "clients"}, Y: figure.Axis{Label: "response p99 (ms)"},
			Panels: []figure.Panel{{Categories: clients, Series: gaps(theory(many(policies[:3], 5, 0.02)))}},
			Notes:  []string{"Not measured: round_robin at 1 client (too few samples: n=50)."},
		},
		"bars-facets": {
			Kind: "bars", Title: "Two panels", Legend: "policy",
			X: figure.Axis{Label: "clients"}, Y: figure.Axis{Label: "throughput (req/s)"},
			Panels: []figure.Panel{
				{Title: "servers = 4", Categories: clients[:3], Series: many(policies[:3], 3, 12000)},
				{Title: "servers = 12", Categories: clients[:3], Series: many(policies[:3], 3, 36000)},
				{Title: "servers = 48", Categories: clients[:3], Series: many(policies[:3], 3, 50000)},
			},
		},
	}
}

func oddBars() map[string]figure.Chart {
	return map[string]figure.Chart{
		"bars-log-zero": {
			Kind: "bars", Title: "A logarithmic axis with zeros", Legend: "kind",
			X: figure.Axis{Label: "what happened to the primary"}, Y: figure.Axis{Label: "lost writes (1)", Log: true},
			Panels: []figure.Panel{{Categories: []string{"killed", "paused and resumed", "cut from its standby"}, Series: []figure.Series{
				{Name: "asynchronous", Color: 0, Points: []figure.Point{{Y: 3, Lo: 0, Hi: 9}, {Y: 50, Lo: 48, Hi: 52}, {Y: 20000, Lo: 15000, Hi: 30000}}},
				{Name: "synchronous", Color: 1, Points: []figure.Point{{}, {}, {Y: 1, Lo: 1, Hi: 1}}},
			}}},
		},
		"bars-long-names": {
			Kind: "bars", Title: "Long names and a long title that does not fit on one line of the image, so that it has to be wrapped somewhere sensible", Legend: "the arm of the experiment",
			X: figure.Axis{Label: "configuration of the replicated state machine"}, Y: figure.Axis{Label: "throughput of the acknowledged and verified operations (req/s)"},
			Panels: []figure.Panel{{
				Categories: []string{"weighted_round_robin_with_orca_reports", "lookaside_balancer_in_list_mode_with_power_of_two", "x", "grpc_go_pick_first", "another_really_long_level_name", "y", "z"},
				Series:     many([]string{"a rather long level name of a knob", "another rather long level name", "and yet another one to wrap the legend"}, 7, 9.1e6),
			}},
		},
		"bars-negative": {
			Kind: "bars", Title: "Values on both sides of zero", X: figure.Axis{Label: "x"}, Y: figure.Axis{Label: "difference (ms)"},
			Panels: []figure.Panel{{Categories: []string{"a", "b"}, Series: []figure.Series{{Color: 2, Points: []figure.Point{{Y: -3, Lo: -4, Hi: -1}, {Y: 2, Lo: 1, Hi: 2.5}}}}}},
		},
	}
}

func plainLines() map[string]figure.Chart {
	return map[string]figure.Chart{
		"lines-five-series": {
			Kind: "lines", Title: "Response time over clients", Legend: "policy",
			X: figure.Axis{Label: "clients"}, Y: figure.Axis{Label: "response p99 (ms)"},
			Panels: []figure.Panel{{Categories: clients, X: []float64{1, 10, 50, 100, 200}, Series: gaps(many(policies, 5, 40))}},
		},
		"lines-log": {
			Kind: "lines", Title: "Both axes logarithmic, from microseconds to minutes", Legend: "policy",
			X: figure.Axis{Label: "servers", Log: true}, Y: figure.Axis{Label: "response mean (ms)", Log: true},
			Panels: []figure.Panel{{Categories: []string{"10", "100", "1000", "10000"}, X: []float64{10, 100, 1000, 10000}, Series: []figure.Series{
				{Name: "random", Color: 0, Points: []figure.Point{pt(0.002, 0.1), pt(3, 0.1), pt(600, 0.1), pt(60000, 0.5)}},
				{Name: "jsq", Color: 3, Points: []figure.Point{{}, pt(1, 0.1), {Missing: "not measured"}, pt(9, 1)}},
			}}},
		},
		"lines-theory": {
			Kind: "lines", Title: "M/M/1 by the book", Legend: "policy",
			X: figure.Axis{Label: "load (1)"}, Y: figure.Axis{Label: "response mean (ms)"},
			Panels: []figure.Panel{
				{Title: "n = 1", Categories: []string{"0.5", "0.7", "0.9"}, X: []float64{0.5, 0.7, 0.9}, Series: theory(many(policies[:2], 3, 5))},
				{Title: "n = 12", Categories: []string{"0.5", "0.7", "0.9"}, X: []float64{0.5, 0.7, 0.9}, Series: theory(many(policies[:2], 3, 3))},
			},
		},
	}
}

func oddLines() map[string]figure.Chart {
	return map[string]figure.Chart{
		"lines-narrow-range": {
			Kind: "lines", Title: "All values close together, far from zero",
			X: figure.Axis{Label: "clients"}, Y: figure.Axis{Label: "utilisation (%)"},
			Panels: []figure.Panel{{Categories: []string{"10", "20", "40"}, X: []float64{10, 20, 40}, Series: []figure.Series{{Color: figure.Neutral, Points: []figure.Point{pt(97.1, 0.2), pt(97.9, 0.1), pt(98.4, 0.3)}}}}},
		},
		"lines-names": {
			Kind: "lines", Title: "Marks over names are not joined", Legend: "clients",
			X: figure.Axis{Label: "policy"}, Y: figure.Axis{Label: "Jain index (1)"},
			Panels: []figure.Panel{{Categories: policies, Series: many([]string{"10", "100"}, 5, 0.8)}},
		},
		"lines-twelve-series": {
			Kind: "lines", Title: "More levels than colours", Legend: "policy",
			X: figure.Axis{Label: "clients"}, Y: figure.Axis{Label: "throughput (req/s)"},
			Panels: []figure.Panel{{Categories: clients, X: []float64{1, 10, 50, 100, 200}, Series: many(numbered("policy", 12), 5, 700)}},
		},
		"bars-twelve-series": {
			Kind: "bars", Title: "More levels than colours", Legend: "policy",
			X: figure.Axis{Label: "clients"}, Y: figure.Axis{Label: "throughput (req/s)"},
			Panels: []figure.Panel{{Categories: clients[:2], Series: many(numbered("policy", 12), 2, 700)}},
		},
	}
}

func vectors() map[string]figure.Chart {
	return map[string]figure.Chart{
		"members-twelve": {
			Kind: "members", Title: "Requests per server", Legend: "policy",
			X: figure.Axis{Label: "server"}, Y: figure.Axis{Label: "requests (req)"},
			Panels: []figure.Panel{
				{Title: "clients = 10", Categories: numbered("s", 12), Series: many(policies[:3], 12, 1200)},
				{Title: "clients = 100", Categories: numbered("s", 12), Series: many(policies[:3], 12, 4100)},
			},
		},
		"members-fifty": {
			Kind: "members", Title: "Many members", X: figure.Axis{Label: "server"}, Y: figure.Axis{Label: "busy (s)"},
			Panels: []figure.Panel{{Categories: numbered("server-", 50), Series: many([]string{""}, 50, 1e-5)}},
		},
		"nothing-measured": {
			Kind: "bars", Title: "Nothing was measured", X: figure.Axis{Label: "policy"}, Y: figure.Axis{Label: "throughput (req/s)"},
			Panels: []figure.Panel{{Categories: policies[:2], Series: []figure.Series{{Points: []figure.Point{{Missing: "not measured"}, {Missing: "not measured"}}}}}},
		},
	}
}

// odd are labels that the font lacks, and axes that cannot be what was asked for.
func odd() map[string]figure.Chart {
	return map[string]figure.Chart{
		"scripts": {
			Kind: "bars", Title: "Levels in other scripts: 日本", Legend: "город",
			X: figure.Axis{Label: "data"}, Y: figure.Axis{Label: "throughput (req/s)"},
			Panels: []figure.Panel{{Categories: []string{`{"card":"日本"}`, `{"card":"中国"}`, `{"card":"рубль"}`, `{"card":"\n"}`}, Series: many([]string{"Москва", "emoji 😀"}, 4, 700)}},
		},
		"log-nothing-positive": {
			Kind: "bars", Title: "Nothing that a logarithm could show", X: figure.Axis{Label: "x"}, Y: figure.Axis{Label: "lost writes (1)", Log: true},
			Panels: []figure.Panel{{Categories: []string{"a", "b"}, Series: []figure.Series{{Color: 2, Points: []figure.Point{{}, {Y: -2, Lo: -2, Hi: -2}}}}}},
		},
		"log-negative": {
			Kind: "bars", Title: "A negative value on a logarithmic axis", X: figure.Axis{Label: "x"}, Y: figure.Axis{Label: "gain (ms)", Log: true},
			Panels: []figure.Panel{{Categories: []string{"a", "b", "c"}, Series: []figure.Series{{Color: 2, Points: []figure.Point{{}, {Y: -2, Lo: -2, Hi: -2}, pt(1.1, 0.01)}}}}},
		},
		"log-x-zero": {
			Kind: "lines", Title: "A position of 0 on a logarithmic axis", X: figure.Axis{Label: "delay (ms)", Log: true}, Y: figure.Axis{Label: "response mean (ms)", Log: true},
			Panels: []figure.Panel{{Categories: []string{"0", "10", "100"}, X: []float64{0, 10, 100}, Series: []figure.Series{{Color: 1, Points: []figure.Point{pt(3, 0.1), pt(4, 0.1), pt(5, 0.1)}}}}},
		},
	}
}

func pt(y, spread float64) figure.Point {
	return figure.Point{Y: y, Lo: y * (1 - spread), Hi: y * (1 + spread)}
}

func numbered(prefix string, n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("%s%d", prefix, i+1))
	}
	return out
}

func series(name string, color, n int, scale float64) figure.Series {
	s := figure.Series{Name: name, Color: color}
	for i := range n {
		y := scale * (0.35 + 0.6*math.Abs(math.Sin(float64(3*color+2*i+1))))
		p := pt(y, 0.06)
		p.Hi *= 1.05
		p.Bare = i%3 == 2
		s.Points = append(s.Points, p)
	}
	return s
}

func many(names []string, n int, scale float64) []figure.Series {
	var out []figure.Series
	for i, name := range names {
		out = append(out, series(name, i, n, scale))
	}
	return out
}

func gaps(in []figure.Series) []figure.Series {
	in[1].Points[0] = figure.Point{Missing: "too few samples: n=50"}
	in[2].Points[2] = figure.Point{Missing: "not measured"}
	in[0].Points[4] = figure.Point{Absent: true}
	return in
}

func theory(in []figure.Series) []figure.Series {
	for _, s := range in {
		for i := range s.Points {
			t := s.Points[i].Y * 1.03
			s.Points[i].Theory = &t
		}
	}
	return in
}

// TestLook writes the sample charts to the folder named by DYNO_LOOK, for a
// person to look at.
func TestLook(t *testing.T) {
	dir := os.Getenv("DYNO_LOOK")
	if dir == "" {
		t.Skip("set DYNO_LOOK to a folder")
	}
	for name, c := range samples() {
		var png bytes.Buffer
		if err := figure.Draw(&png, c); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".png"), png.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func timelines() map[string]figure.Chart {
	const steps = 150
	p := figure.Panel{
		Title: "sync",
		Series: []figure.Series{
			{Name: "s1", Color: 0, Points: make([]figure.Point, steps)}, {Name: "s2", Color: 1, Points: make([]figure.Point, steps)},
		},
		Bands: []figure.Band{{"epoch 1: s1", -0.5, 0}, {"epoch 2: s2", 0.21, 0.9}, {"epoch 3: s1", 0.9, 2}},
	}
	for k := range steps {
		at := -0.5 + float64(k)*0.01
		p.X, p.Categories = append(p.X, at), append(p.Categories, fmt.Sprint(at))
		y := 200 + 30*math.Sin(float64(k))
		switch {
		case at < 0:
			p.Series[0].Points[k] = figure.Point{Y: y, Lo: y, Hi: y}
		case at > 0.21:
			p.Series[1].Points[k] = figure.Point{Y: y, Lo: y, Hi: y}
		}
	}
	other := p
	other.Title, other.Bands = "async", []figure.Band{{"a name that is far too long for the place that there is in such a figure, whatever it may say about it", 0.2, 1}}
	return map[string]figure.Chart{
		"timeline": {
			Kind: "timeline", Title: "A primary is killed at 0 s, the standby takes over", X: figure.Axis{Label: "time (s)"},
			Y: figure.Axis{Label: "acknowledged writes (1/10 ms)"}, Panels: []figure.Panel{p, other},
		},
		"timeline-nothing": {
			Kind: "timeline", Title: "Nothing was measured", X: figure.Axis{Label: "time (s)"}, Y: figure.Axis{Label: "writes"},
			Panels: []figure.Panel{{Categories: []string{"all"}, Series: []figure.Series{{Color: figure.Neutral, Points: []figure.Point{{Missing: "not measured"}}}}}},
		},
	}
}
