package size_test

import (
	"testing"

	"dyno/internal/size"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "1000": 1000, "7B": 7, "64kB": 64_000, "64KB": 64_000, "1.5MiB": 3 << 19, "2GB": 2e9, "1GiB": 1 << 30, "0.1": 1,
		"": 0, "0": 0, "-1": 0, "lots": 0, "MiB": 0, "1 MiB": 0, "NaN": 0, "Inf": 0, "1e16": 0, "1e14kB": 0, "1mib": 0,
	} {
		if got, err := size.Parse(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
}
