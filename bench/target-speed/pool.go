package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
)

// block is one repeat of a row: what each generator came to.
type block struct {
	Row    string
	Load   float64 // average of the machine when the block was over; 0: not known
	Values map[string]float64
}

// pool is the blocks of this run and, where they are kept in a file, of those
// before.
type pool struct {
	file   *os.File // nil: they are not kept
	blocks []block
}

func openPool(path string) (*pool, error) {
	p := new(pool)
	if path == "" {
		return p, nil
	}
	var err error
	if p.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644); err != nil {
		return nil, err
	}
	for d := json.NewDecoder(p.file); ; {
		var b block
		if err := d.Decode(&b); errors.Is(err, io.EOF) {
			return p, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		p.blocks = append(p.blocks, b)
	}
}

func (p *pool) add(row string, values map[string]float64) error {
	b := block{Row: row, Values: values}
	text, _ := os.ReadFile("/proc/loadavg") // elsewhere it is not known
	_, _ = fmt.Sscan(string(text), &b.Load)
	p.blocks = append(p.blocks, b)
	if p.file == nil {
		return nil
	}
	return json.NewEncoder(p.file).Encode(b)
}

// print writes a table: of each row medians, and in brackets the range.
func (p *pool) print(w io.Writer) error {
	fmt.Fprintf(w, "%s, %d processors; rates per second, else CPU seconds per 100,000 calls\n", runtime.Version(), runtime.NumCPU())
	var rows []string
	there := make(map[string]bool)
	values, loads := make(map[string]map[string][]float64), make(map[string][]float64)
	for _, b := range p.blocks {
		if values[b.Row] == nil {
			rows, values[b.Row] = append(rows, b.Row), make(map[string][]float64)
		}
		v := values[b.Row]
		loads[b.Row] = append(loads[b.Row], b.Load)
		for name, x := range b.Values {
			there[name] = true
			v[name] = append(v[name], x)
			if x > 0 {
				v["dyno / "+name] = append(v["dyno / "+name], b.Values["dyno"]/x)
			}
		}
	}
	columns := []string{"dyno"}
	for _, name := range []string{"ghz", "hand", "fortio", "k6"} {
		if there[name] {
			columns = append(columns, name, "dyno / "+name)
		}
	}
	fmt.Fprintf(w, "| row | blocks | %s | load |\n|:--|--:|%s:--|\n", strings.Join(columns, " | "), strings.Repeat("--:|", len(columns)))
	for _, row := range rows {
		fmt.Fprintf(w, "| %s | %d |", row, len(values[row]["dyno"]))
		for _, c := range columns {
			fmt.Fprintf(w, " %s |", spread(values[row][c]))
		}
		if _, err := fmt.Fprintf(w, " %.1f to %.1f |\n", slices.Min(loads[row]), slices.Max(loads[row])); err != nil {
			return err
		}
	}
	return nil
}

// spread is the median with the range, in brackets.
func spread(values []float64) string {
	v := slices.Sorted(slices.Values(values))
	if len(v) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f [%.2f, %.2f]", (v[(len(v)-1)/2]+v[len(v)/2])/2, v[0], v[len(v)-1])
}
