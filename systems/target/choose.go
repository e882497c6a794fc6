package target

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"dyno/systems"
)

// reading are the first words of methods that hardly change anything, the best
// ones first; the health service comes after them.
var reading = strings.Fields("get list read find search query describe lookup range fetch say echo ping check")

// changing are words of which one is enough, wherever it stands: GetAndDelete,
// ReadModifyWrite, CheckOut, FindOrCreate.
var changing = strings.Fields("add and begin create delete execute in increment insert lock modify next or out pop put " +
	"remove reset send set then update upsert write")

var (
	wordForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[A-Z]+[^A-Z_]*|[^A-Z_]+`) })
	initials = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`([A-Z]+)([A-Z][^A-Z_])`) }) // with a word behind: IDSet
)

// words are those of a name, in small letters; a name of underscores has none.
func words(name protoreflect.Name) []string {
	out := wordForm().FindAllString(initials().ReplaceAllString(string(name), "${1}_$2"), -1)
	for i, word := range out {
		out[i] = strings.ToLower(word)
	}
	return out
}

// unsafe is the rank of what nobody calls unasked; streams come below it, after
// all that are unary.
const (
	ofStreams = 1000
	unsafe    = 2 * ofStreams
)

// rank says how good a method is to be called by somebody who does not know it: the
// less the better, [unsafe] of one that may change something. Who wrote the service
// may say that a method has no side effects; else its name must sound so.
func (m *method) rank() (rank int) {
	if m.streams() {
		rank = ofStreams
	}
	if o, ok := m.Options().(*descriptorpb.MethodOptions); ok && o.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS {
		return rank
	}
	name := words(m.Name())
	verb := -1
	if len(name) > 0 {
		verb = slices.Index(reading, name[0])
	}
	if verb < 0 || slices.ContainsFunc(name, func(w string) bool { return slices.Contains(changing, w) }) {
		return unsafe
	}
	if m.Parent().FullName() == "grpc.health.v1.Health" {
		return rank + len(reading)
	}
	return rank + verb
}

// methods are all but those of reflection, in the order in which one would choose
// them.
func (c *catalog) methods() (out []*method) {
	for _, service := range c.services {
		sd, err := c.service(service)
		if err != nil || strings.HasPrefix(service, "grpc.reflection.") {
			continue // a service that the server lists and does not describe
		}
		for i := range sd.Methods().Len() {
			out = append(out, &method{MethodDescriptor: sd.Methods().Get(i), types: withWellKnown{c.types}})
		}
	}
	slices.SortStableFunc(out, func(a, b *method) int { return a.rank() - b.rank() })
	return out
}

// choice finds a method that answers.
type choice struct {
	*prepared
	all   []*method
	tried map[string]string // how the calls ended of methods that did not answer
}

// call makes a draft of a method, and calls it.
func (c *choice) call(ctx context.Context, m *method) *draft {
	d := &draft{
		Name: fileName(m), Address: c.values.Text(knobAddress), Service: string(m.Parent().FullName()), Method: m.path()[1:], Kind: m.kind(),
		Fields: fields(m.Input()), Knobs: given(c.values),
	}
	d.ask(ctx, c.prepared, m)
	for _, other := range c.all {
		if name := other.path()[1:]; name != d.Method {
			d.Others = append(d.Others, name+c.tried[name])
		}
	}
	return d
}

// one calls those that only read until one answers, and takes that; else one that is
// there, though it refused what it was asked; else a stream, which is not called.
func (c *choice) one(ctx context.Context) (*draft, error) {
	var best *draft
	for _, m := range c.all {
		if m.rank() >= unsafe || best != nil && m.streams() {
			break
		}
		d := c.call(ctx, m)
		if d.Failed == "" {
			return d, nil
		}
		c.tried[d.Method] = "   (tried: " + d.Failed + ")"
		if best == nil && !d.Absent {
			best = d
		}
	}
	if best != nil {
		return best, nil
	}
	names := make([]string, len(c.all))
	for i, m := range c.all {
		names[i] = m.path()[1:]
	}
	why := "by its name"
	if len(c.tried) > 0 {
		why = "that it has (" + strings.Join(slices.Sorted(maps.Keys(c.tried)), ", ") + " are unimplemented)"
	}
	return nil, systems.Usagef("%s has no method that only reads, %s, and others are not called unasked: say which with --method, of %s",
		c.values.Text(knobAddress), why, strings.Join(names, ", "))
}
