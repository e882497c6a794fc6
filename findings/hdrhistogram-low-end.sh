#!/bin/sh
# HdrHistogram-go 1.4.0: with a lowest value other than 1, the low end of the
# range does not have the precision that was asked for.
#
# New(1000, …, 3), for latencies in nanoseconds from 1 µs on with three digits,
# counts in steps of 512 up to about 1 ms: a histogram of the single value 1600
# says minimum 1536, mean 1792, maximum 2047. New(1, …, 3) is right to 0.1 %.
. "$(dirname "$0")/lib.sh"
module github.com/HdrHistogram/hdrhistogram-go@v1.4.0 <<'GO'
package main

import (
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func main() {
	for _, lowest := range []int64{1, 1000} {
		h := hdrhistogram.New(lowest, 60_000_000_000, 3)
		if err := h.RecordValue(1600); err != nil {
			panic(err)
		}
		fmt.Printf("from %d: min %d, mean %.0f, p50 %d, max %d\n", lowest, h.Min(), h.Mean(), h.ValueAtQuantile(50), h.Max())
	}
}
GO
same '1600, once' "$(./main.bin | head -1)" 'from 1: min 1600, mean 1600, p50 1600, max 1600'
same '1600, once' "$(./main.bin | tail -1)" 'from 1000: min 1536, mean 1792, p50 2047, max 2047'
