// Package stats condenses the blocks of a cell into one number with an
// interval.
//
// A block is one repeat of an experiment, so a cell has one valid trial per
// block at most. A level is the median over blocks with a 95 % interval that
// assumes nothing about the distribution (golang.org/x/perf/benchmath); below
// six blocks no such interval exists and the range is given instead. The
// quantile of a latency is taken from the histograms of all blocks merged,
// never averaged. A comparison is the median of the ratios within each block,
// since a shared machine drifts between blocks more than within one; its interval
// is that of Wilcoxon's signed-rank test ([PerBlockRatio]).
//
// Only valid trials count here: what was not proved right has no number.
package stats
