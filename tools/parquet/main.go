// Command dyno-parquet reads a table as CSV and writes it as Parquet: the first
// N columns hold texts, the others numbers, or nothing where a field is empty. It
// is a module of its own, so that nobody else builds its libraries.
//
//	dyno-parquet N < table.csv > table.parquet
package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"
)

func main() {
	if err := convert(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "dyno-parquet:", err)
		os.Exit(1)
	}
}

func convert(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("want one argument, the number of columns that hold texts")
	}
	texts, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	r := csv.NewReader(in)
	names, err := r.Read()
	if err != nil {
		return fmt.Errorf("the line of names: %w", err)
	}
	group := parquet.Group{}
	for i, name := range names {
		group[name] = parquet.Optional(parquet.Leaf(parquet.DoubleType))
		if i < texts {
			group[name] = parquet.String()
		}
	}
	if len(group) != len(names) {
		return errors.New("two columns have one name")
	}
	// A group is written in the order of its names.
	sorted := slices.Sorted(slices.Values(names))
	place := make([]int, len(names))
	for i, name := range names {
		place[i] = slices.Index(sorted, name)
	}
	w := parquet.NewWriter(out, parquet.NewSchema("trials", group), parquet.Compression(&parquet.Zstd))
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return w.Close()
		}
		if err != nil {
			return err
		}
		row, err := values(fields, texts, place)
		if err != nil {
			return err
		}
		if _, err := w.WriteRows([]parquet.Row{row}); err != nil {
			return err
		}
	}
}

// values makes a row of the fields, each at the place of its column.
func values(fields []string, texts int, place []int) (parquet.Row, error) {
	row := make(parquet.Row, len(fields))
	for i, field := range fields {
		at := place[i]
		switch {
		case i < texts:
			row[at] = parquet.ValueOf(field).Level(0, 0, at)
		case field == "":
			row[at] = parquet.ValueOf(nil).Level(0, 0, at)
		default:
			x, err := strconv.ParseFloat(field, 64)
			if err != nil {
				return nil, err
			}
			row[at] = parquet.ValueOf(x).Level(0, 1, at)
		}
	}
	return row, nil
}
