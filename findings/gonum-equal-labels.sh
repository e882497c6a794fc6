#!/bin/sh
# gonum/plot 0.17.0: the default ticks of an axis over a narrow range far from
# zero carry one and the same label.
#
# A rate that was held, from 1000 to 1000.01 requests per second, gets three
# ticks, "1e+03" each; the reader cannot tell a hundredth from nothing. Give the
# axis ticks of its own, or a range that includes zero.
. "$(dirname "$0")/lib.sh"
module gonum.org/v1/plot@v0.17.0 <<'GO'
package main

import (
	"fmt"

	"gonum.org/v1/plot"
)

func main() {
	for _, t := range (plot.DefaultTicks{}).Ticks(1000, 1000.01) {
		if !t.IsMinor() {
			fmt.Printf("%.4f=%s ", t.Value, t.Label)
		}
	}
}
GO
same 'ticks from 1000 to 1000.01' "$(./main.bin)" '1000.0000=1e+03 1000.0050=1e+03 1000.0100=1e+03 '
