// Package fault is the one vocabulary of what goes wrong: the words, the text
// and the meaning of a [Schedule] are the same in the simulator (bench/sim), on
// real links (bench/link), on real processes (bench/inject), in a knob and on a
// command line. It knows no clock and none of those hosts.
//
//	kill s2@2s
//	kill s2@2s..3s
//	cut a-b@1s..3s; delay a->b=5ms±1ms@0s..
//
// A fault is a word, whom it strikes, at times a value, and when: @START, or
// @START..END for a fault that ends by itself. [Kind] says what there is. Two
// that overlap add up: a process is down until the last of its kills is over.
package fault
