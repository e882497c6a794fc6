package target

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dyno/bench/driver"
	"dyno/bench/evidence"
	"dyno/internal/record"
	"dyno/systems"
)

const name = "target"

// The knobs that say where the method is described, and more.
const (
	knobMethod       = "method"
	knobProto        = "proto"
	knobImportPaths  = "import-paths"
	knobProtoset     = "protoset"
	knobMetadata     = "metadata"
	knobMetadataFile = "metadata-file"
	knobDeadline     = "deadline"
)

//go:embed report.md.tmpl
var section string

// New is somebody's service on the bench. It is a function, so that the program that
// runs roles alone links neither the trial nor what its figures are held against.
func New() *systems.System {
	return &systems.System{
		Name:     name,
		Whole:    true, // for .proto files
		Summary:  "your own gRPC service under load, in any language: address, method, data, expected answer",
		Roles:    Roles(),
		Commands: []systems.Command{initCommand},
		Knobs:    knobs,
		Metrics:  metrics(),
		Trial:    trial,
		Check:    checkCell,
		Report:   section,
	}
}

// Roles are those of the system.
func Roles() []systems.Role {
	return []systems.Role{
		{Command: systems.Command{
			Name:    "client",
			Summary: "calls a method, or opens streams, in a closed or an open loop; compares the answers, prints rate and latency",
			Example: "dyno target client --address 127.0.0.1:50051 --method grpc.health.v1.Health/Check --data {} --loop open --rate 200\n" +
				"dyno target client --address 127.0.0.1:50051 --method shop.v1.Shop/Price --proto shop.proto --data '{\"item\": 7}' --expect " +
				"'{\"cents\": 250}'",
			Setup: setupClient,
		}},
		{Whole: true, Command: systems.Command{
			Name:    "ghz",
			Summary: "the same with ghz, another load generator, which looks at no answer",
			Example: "dyno target ghz --address 127.0.0.1:50051 --method grpc.health.v1.Health/Check --rate 200",
			Setup:   setupGHZ,
		}},
	}
}

var methodKnobs = systems.Knobs{
	{
		Name: knobMethod, Default: "grpc.health.v1.Health/Check", Type: systems.Text{What: "package.Service/Method", Check: methodName},
		Help: "the method to call, unary or a stream",
	},
	{
		Name: knobProto, Default: "", Type: systems.Text{What: ".proto files joined by commas, or nothing"},
		Help: "where the method is described, as protoc takes files: from here, or from one of import-paths; without, the server is asked " +
			"(gRPC reflection)",
	},
	{
		Name: knobImportPaths, Default: ".", Type: systems.Text{What: "folders joined by commas"},
		Help: "where .proto files, and what they import, are looked for",
	},
	{
		Name: knobProtoset, Default: "", Type: systems.Text{What: "a file, or nothing"},
		Help: "where the method is described, instead of proto: a set of descriptors, from protoc --include_imports --descriptor_set_out=FILE",
	},
	{
		Name: knobMetadata, Default: "", Type: systems.Text{What: "a JSON object of strings, or nothing", Check: maybe(object)},
		Help: "sent with every call; binary values, of keys that end in -bin, in base64; ${NAME} in a value is the environment variable, " +
			"which stays out of results and logs",
	},
	{
		Name: knobMetadataFile, Default: "", Type: systems.Text{What: "a file, or nothing"},
		Help: "more of metadata, in the same form; what is in it stays out of results and logs",
	},
	{
		Name: knobDeadline, Default: "10s", Type: systems.Duration{Min: time.Millisecond, Max: 24 * time.Hour},
		Help: "of a call, or of a stream as a whole",
	},
}

// serviceKnobs are those that both generators take.
var serviceKnobs = slices.Concat(connectionKnobs, methodKnobs, requestKnobs, streamKnobs)

var knobs = slices.Concat(serviceKnobs, watchKnobs, driver.Knobs("poisson"), driver.ShapeKnobs)

// names are those of some knobs, and more.
func names(of systems.Knobs, more ...string) (out []string) {
	for _, k := range of {
		out = append(out, k.Name)
	}
	return append(out, more...)
}

// args are the arguments by which a trial hands on what to call. A switch takes
// its value after an equals sign only.
func args(v systems.Values) (out []string) {
	for _, name := range names(serviceKnobs) {
		out = append(out, "--"+name+"="+v.Text(name))
	}
	return out
}

// checkCell refuses a trial that could not measure what its knobs say.
func checkCell(set systems.Setting, v systems.Values) error {
	if err := checkConnection(v); err != nil {
		return err
	}
	if n := v.Int(knobConnections); driver.IsGHZ(v.Text(driver.KnobDriver)) && n > v.Int(driver.KnobClients) {
		return fmt.Errorf("%s %d: ghz wants as many workers at least; raise %s", knobConnections, n, driver.KnobClients)
	}
	return driver.Measurable(set, v)
}

func metrics() []record.Metric {
	// An operation is one call of the method that the knobs name. The service is
	// somebody's: what it counts nobody asks, nor whose child it is.
	counted := evidence.Counts(evidence.Operations{Clients: []string{"client"}})
	own := slices.Concat(connectionMetrics, serverMetrics, messageMetrics, watchMetrics)
	return slices.Concat(driver.Metrics(counted), driver.TimelineMetrics, own, []record.Metric{{
		Name: record.ErrorShare, Kind: record.KindScalar, Unit: "1", Better: record.Lower,
		Help: "share of operations that were not answered OK", Road: evidence.ErrorShare(),
	}})
}

func methodName(text string) (string, error) {
	text = strings.TrimPrefix(text, "/")
	service, call, ok := strings.Cut(text, "/")
	if dot := strings.LastIndex(text, "."); !ok && dot > 0 && dot < len(text)-1 {
		return "", fmt.Errorf("a slash stands before the method: did you mean %s/%s?", text[:dot], text[dot+1:])
	}
	if !ok || service == "" || call == "" || strings.Contains(call, "/") {
		return "", errors.New("for example grpc.health.v1.Health/Check")
	}
	return text, nil
}

// compact takes the blanks out of JSON, so that its layout makes no other level
// of it.
func compact(text string) (string, error) {
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		return "", err
	}
	return out.String(), nil
}

func object(text string) (string, error) {
	if !strings.HasPrefix(text, "{") {
		return "", errors.New("it begins with no brace")
	}
	return compact(text)
}

// maybe accepts nothing, too.
func maybe(check func(string) (string, error)) func(string) (string, error) {
	return func(text string) (string, error) {
		if text == "" {
			return "", nil
		}
		return check(text)
	}
}
