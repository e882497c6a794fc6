package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"dyno/bench/load"
	"dyno/systems"
)

var initCommand = systems.Command{
	Name:    "init",
	Args:    "ADDR",
	Summary: "looks at a running service, calls a method that only reads, and writes an experiment file that runs as it stands",
	Example: "dyno target init 127.0.0.1:50051\n" +
		"dyno target init shop.example:443 --tls --method shop.v1.Shop/Price --out shop.yaml",
	Setup: setupInit,
}

// initKnobs say how to reach the service and what it is; its method is chosen.
var initKnobs = slices.DeleteFunc(slices.Concat(connectionKnobs, methodKnobs), func(k systems.Knob) bool {
	return k.Name == knobAddress || k.Name == knobMethod
})

func setupInit(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	method := fs.String("method", "",
		"package.Service/Method to call; without, the first that by its name only reads and answers; no other is called")
	out := fs.String("out", "", "`FILE.yaml` to write, which must not be there yet; - for standard output; without, a name from the method")
	v := knobs.Bind(fs, names(initKnobs)...)
	return func(ctx context.Context, sh systems.Shell) error {
		if len(sh.Args) != 1 {
			return systems.Usagef("want one argument, the address of a running service, such as 127.0.0.1:50051; got %d", len(sh.Args))
		}
		if Fill == nil {
			return errors.New("target init is in bin/dyno-whole, which make build makes beside bin/dyno")
		}
		addr, err := address(sh.Args[0])
		if err != nil {
			return systems.Usagef("%s: %w", sh.Args[0], err)
		}
		v[knobAddress] = addr
		d, err := look(ctx, v, *method)
		if err != nil {
			return err
		}
		return d.write(*out, sh)
	}
}

// draft is what the file is made of.
type draft struct {
	Name, Address, Service, Method string
	Kind                           string // of a stream; empty for a unary method
	Others                         []string
	Fields                         []string
	Data, Answer                   string
	Steady                         bool   // two calls brought the same answer
	Failed                         string // how the call ended that was not answered
	Absent                         bool   // since the server does not have the method
	Knobs                          [][2]string
}

// look asks the service what it has, and calls it.
func look(ctx context.Context, v systems.Values, wanted string) (*draft, error) {
	conns, err := connect(ctx, v)
	if err != nil {
		return nil, err
	}
	defer conns.Close()
	md, err := readMetadata(v.Text(knobMetadata), v.Text(knobMetadataFile))
	if err != nil {
		return nil, err
	}
	p := &prepared{caller: caller{conns: conns}, metadata: md, values: v}
	ctx, cancel := context.WithTimeout(p.outgoing(ctx), 3*load.DefaultTimeout)
	defer cancel()
	src := newSource(v.Text(knobProto), v.Text(knobImportPaths), v.Text(knobProtoset))
	known, err := src.catalog(ctx, conns.Of(0))
	if err != nil {
		return nil, md.hideIn(err)
	}
	c := choice{prepared: p, all: known.methods(), tried: map[string]string{}}
	if len(c.all) == 0 {
		return nil, fmt.Errorf("%s at %s has no method beside reflection", known.origin, v.Text(knobAddress))
	}
	if wanted == "" {
		return c.one(ctx)
	}
	m, err := src.find(ctx, conns.Of(0), wanted)
	if err != nil {
		return nil, err
	}
	return c.call(ctx, m), nil
}

// kind says in words what a stream is.
func (m *method) kind() string {
	switch {
	case m.IsStreamingClient() && m.IsStreamingServer():
		return "a stream of requests and of answers"
	case m.IsStreamingClient():
		return "a stream of requests"
	case m.IsStreamingServer():
		return "a stream of answers"
	}
	return ""
}

// ask calls a unary method: with an empty request and, where that is refused,
// with one that has something in every field. What is answered becomes the
// file's request; a second call shows whether the answer stays the same.
func (d *draft) ask(ctx context.Context, p *prepared, m *method) {
	full := m.sample()
	d.Data = "{}"
	if _, err := m.encode(d.Data); err != nil {
		d.Data = full // a required field is missing
	}
	if m.streams() {
		return
	}
	var first error
	for _, data := range slices.Compact([]string{d.Data, full}) {
		answer, err := p.ask(ctx, m, data)
		if err != nil {
			first = errors.Join(first, err)
			continue
		}
		d.Data, d.Answer = data, answer
		again, err := p.ask(ctx, m, data)
		d.Steady = err == nil && again == answer && answer != "{}" && !drifts(m.Output(), 0)
		return
	}
	d.Data, d.Failed = full, p.metadata.hide(strings.Join(strings.Fields(first.Error()), " "))
	d.Absent = status.Code(first) == codes.Unimplemented
}

// ask makes one call, and returns the answer in JSON.
func (p *prepared) ask(ctx context.Context, m *method, data string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, p.values.Duration(knobDeadline))
	defer cancel()
	request, response := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
	body, err := m.encode(data)
	if err == nil {
		err = proto.UnmarshalOptions{Resolver: m.types}.Unmarshal(body, request)
	}
	if err != nil {
		return "", err
	}
	if err := p.conns.Of(0).Invoke(ctx, m.path(), request, response); err != nil {
		return "", err
	}
	answer, err := protojson.MarshalOptions{Resolver: m.types}.Marshal(response)
	if err != nil {
		return "", err
	}
	return compact(string(answer))
}

// given are the knobs that are not as they are by default.
func given(v systems.Values) (out [][2]string) {
	for _, k := range initKnobs {
		if text := v.Text(k.Name); text != k.Default {
			out = append(out, [2]string{k.Name, text})
		}
	}
	return out
}

// fileName is the experiment's name, and that of its file: shop-get-price.
func fileName(m protoreflect.MethodDescriptor) string {
	all := append(words(m.Parent().Name()), words(m.Name())...)
	return strings.Join(all, "-") + "-load" // what ends in digits is no name
}

// write fills the file in.
func (d *draft) write(path string, sh systems.Shell) error {
	if path == "-" {
		return Fill(sh.Out, initText, d)
	}
	if path == "" {
		path = d.Name + ".yaml"
	}
	d.Name = strings.TrimSuffix(path[strings.LastIndexAny(path, `/\`)+1:], ".yaml")
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return systems.Usagef("%s is there already: move it away, or give --out another name", path)
	}
	if err != nil {
		return err
	}
	if err := errors.Join(Fill(file, initText, d), file.Close()); err != nil {
		return err
	}
	d.summary(sh.Err)
	_, err = fmt.Fprintf(sh.Out, "%s\ndyno run %s --out out/%s   # about a minute; then see out/%s/REPORT.md\n", path, path, d.Name, d.Name)
	return err
}

// summary says what a person should know before running the file.
func (d *draft) summary(w io.Writer) {
	fmt.Fprintf(w, "%s has %d methods; the file calls %s\n", d.Address, len(d.Others)+1, d.Method)
	switch {
	case d.Failed != "":
		fmt.Fprintf(w, "it was called and refused: %s; mend data in the file\n", d.Failed)
	case d.Kind != "":
		fmt.Fprintf(w, "it is %s, and was not called\n", d.Kind)
	default:
		fmt.Fprintf(w, "it was called twice, and answered %.200s\n", d.Answer)
	}
}
