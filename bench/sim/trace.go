package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Trace returns the trace so far: a line for each message that came or was
// lost, each timer, finished sync, fault and call of [Env.Trace]. It is text,
// equal byte for byte in every run of the same world:
//
//	0.001500000 s1 recv s2 vote{3}
//	0.002000000 s3 lost s2 cut vote{3}
//	0.002500000 s1 timer 7
//	0.003000000 s1 synced 2
//	0.003500000 - fault crash s1@3.5ms..5.5ms
//	0.004000000 s2 | what Env.Trace was given
//
// A message shows as its String method has it, a string, number or boolean as
// itself, anything else as its type, since addresses would differ.
func (w *World) Trace() []byte { return w.trace }

// stamp begins a line.
func (w *World) stamp(who, verb string) {
	const second = int64(time.Second)
	b := strconv.AppendInt(w.trace, w.now/second, 10)
	b = append(b, '.')
	for unit, rest := second/10, w.now%second; unit > 0; unit /= 10 {
		b = append(b, byte('0'+rest/unit%10))
	}
	b = append(append(b, ' '), who...)
	w.trace = append(append(b, ' '), verb...)
}

// word adds to a line.
func (w *World) word(text string) {
	if strings.ContainsAny(text, "\r\n") {
		text = strings.NewReplacer("\n", `\n`, "\r", `\r`).Replace(text)
	}
	w.trace = append(append(w.trace, ' '), text...)
}

// finishLine ends a line, and the run if the trace has grown too long.
func (w *World) finishLine() {
	w.trace = append(w.trace, '\n')
	if len(w.trace) > w.cfg.Limits.Trace {
		w.over("Trace", strconv.Itoa(w.cfg.Limits.Trace)+" bytes")
	}
}

func (w *World) traceMessage(n *node, verb, peer, why string, msg any) {
	w.stamp(n.name, verb)
	w.word(peer)
	if why != "" {
		w.word(why)
	}
	w.word(describe(msg))
	w.finishLine()
}

func (w *World) traceNumber(n *node, verb string, number uint64) {
	w.stamp(n.name, verb)
	w.trace = strconv.AppendUint(append(w.trace, ' '), number, 10)
	w.finishLine()
}

func (w *World) traceText(n *node, text string) {
	if !w.cfg.Trace {
		return
	}
	w.stamp(n.name, "|")
	w.word(text)
	w.finishLine()
}

func (w *World) traceFault(verb string, f Fault) {
	if w.cfg.Record {
		w.noteFault(verb, f)
	}
	if w.cfg.Trace {
		w.stamp("-", verb)
		w.word(f.String())
		w.finishLine()
	}
}

func describe(msg any) string {
	switch m := msg.(type) {
	case fmt.Stringer:
		return m.String()
	case string:
		return m
	case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
		return fmt.Sprint(m)
	}
	return fmt.Sprintf("%T", msg)
}
