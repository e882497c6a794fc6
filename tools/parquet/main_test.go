package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func TestConvert(t *testing.T) {
	var out bytes.Buffer
	in := "trial,b,a\none,1.5,\ntwo,,-2e3\n\"th,ree\",0,7\n"
	if err := convert([]string{"1"}, strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	type row struct {
		Trial string   `parquet:"trial"`
		A     *float64 `parquet:"a,optional"`
		B     *float64 `parquet:"b,optional"`
	}
	rows, err := parquet.Read[row](bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 || rows[2].Trial != "th,ree" || *rows[2].A != 7 || *rows[0].B != 1.5 || rows[0].A != nil || rows[1].B != nil || *rows[1].A != -2000 {
		t.Errorf("read %+v", rows)
	}
}

func TestConvertRefuses(t *testing.T) {
	for name, in := range map[string]string{"twice": "a,a\n1,2\n", "no number": "t,a\nx,y\n", "nothing": ""} {
		if convert([]string{"1"}, strings.NewReader(in), &bytes.Buffer{}) == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
