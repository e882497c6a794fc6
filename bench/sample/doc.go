// Package sample watches what processes cost while a trial runs: CPU and memory,
// read at intervals through gopsutil.
//
// A [Sampler] collects between [Start] and Stop; the [Samples] it leaves answer
// for any window within that time, by linear interpolation between the samples
// around the window's borders. A process that is started again is followed from
// one life to the next ([Target].Current). CPU time is read twenty times as often
// as the rest, from a clock without ticks, where the system has one (Linux);
// elsewhere it comes in ticks of 10 ms, and a window of one second is good to
// about one per cent of a core.
package sample
