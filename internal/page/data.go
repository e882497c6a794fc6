package page

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// Experiment is what a reader can ask of an experiment on the page: its figures,
// drawn by the page itself, the raw trials behind them, and where they were made.
type Experiment struct {
	Name     string      `json:"name"`
	Title    string      `json:"title"`
	Question string      `json:"question"`
	Facts    [][2]string `json:"facts"`   // of the run and its machine: what, and its value
	Cells    []string    `json:"cells"`   // names, in the order of their numbers from 1
	Columns  []Column    `json:"columns"` // of Trial.Values
	Trials   []Trial     `json:"trials"`
	More     map[int]int `json:"more,omitempty"` // by cell: trials that are stored and not listed here
	Figures  []Figure    `json:"figures"`
}

// Column is a metric of a trial, or a quantile of one.
type Column struct {
	Name string `json:"name"`
	Unit string `json:"unit,omitempty"`
	Help string `json:"help,omitempty"`
}

// Trial is one measurement of a cell.
type Trial struct {
	ID     string     `json:"id"`
	Cell   int        `json:"cell"`
	Block  int        `json:"block"`
	Status string     `json:"status"`
	Why    []string   `json:"why,omitempty"`   // it is not valid, line by line
	Flags  []string   `json:"flags,omitempty"` // warnings about the measurement
	Took   float64    `json:"took"`            // seconds, with starting and reaping
	Values []*float64 `json:"values"`          // nil: not reported, or not proved
}

// Figure is a plot: the chart that the PNG shows, and where that shows a quantile,
// the same for others.
type Figure struct {
	Name   string           `json:"name"`
	Stat   string           `json:"stat"` // which of the charts the PNG shows
	Charts map[string]Chart `json:"charts"`
}

// Chart mirrors figure.Chart.
type Chart struct {
	Kind   string  `json:"kind"`
	Title  string  `json:"title"`
	X      Axis    `json:"x"`
	Y      Axis    `json:"y"`
	Legend string  `json:"legend,omitempty"`
	Note   string  `json:"note,omitempty"` // what stands behind it, where that is not what the caption says
	Panels []Panel `json:"panels"`
}

// Axis is an axis with its unit.
type Axis struct {
	Label string `json:"label"`
	Log   bool   `json:"log,omitempty"`
}

// Panel is one set of axes.
type Panel struct {
	Title      string    `json:"title,omitempty"`
	Categories []string  `json:"cats"`
	X          []float64 `json:"x,omitempty"`
	Bands      []Band    `json:"bands,omitempty"`
	Series     []Series  `json:"series"`
}

// Band is a stretch of the x axis that has a name.
type Band struct {
	Name string  `json:"name"`
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// Series is a colour: columns with one entry per category. Columns in which nothing
// is to be said are left out.
type Series struct {
	Name   string         `json:"name"`
	Color  int            `json:"color"`
	Y      []*float64     `json:"y"`                // nil: no value
	Lo     []*float64     `json:"lo,omitempty"`     // nil: no interval
	Hi     []*float64     `json:"hi,omitempty"`     //
	Theory []*float64     `json:"theory,omitempty"` // nil: none
	Bare   []int          `json:"bare,omitempty"`   // where the interval is a range
	Why    map[int]string `json:"why,omitempty"`    // why there is no value; where nothing is said none was planned
	Cells  []int          `json:"cells,omitempty"`  // numbers from 1 of those that the values are of; 0: of none
}

// Data is an experiment as it stands in the page: JSON, compressed, which the
// browser inflates when it is looked at. Most of it is the same words over and over.
type Data struct {
	Name  string
	plots map[string]string // paths of their PNGs to the figures' names
	text  string            // base64
}

// squeezers keeps what compressing needs: 1 MB each.
var squeezers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// Pack makes it.
func Pack(e Experiment) (Data, error) {
	var out bytes.Buffer
	to := base64.NewEncoder(base64.StdEncoding, &out)
	squeeze := squeezers.Get().(*gzip.Writer)
	defer squeezers.Put(squeeze)
	squeeze.Reset(to)
	if err := json.NewEncoder(squeeze).Encode(e); err != nil {
		return Data{}, fmt.Errorf("data of %s for the page: %w", e.Name, err)
	}
	if err := errors.Join(squeeze.Close(), to.Close()); err != nil {
		return Data{}, fmt.Errorf("data of %s for the page: %w", e.Name, err)
	}
	d := Data{Name: e.Name, text: out.String(), plots: make(map[string]string)}
	for _, f := range e.Figures {
		d.plots["plots/"+e.Name+"-"+f.Name+".png"] = f.Name
	}
	return d, nil
}
