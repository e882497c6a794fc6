package ghz

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/bojand/ghz/runner"
	"github.com/jhump/protoreflect/desc"    //lint:ignore SA1019 it is what ghz takes
	"github.com/jhump/protoreflect/dynamic" //lint:ignore SA1019 it is what ghz takes
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/emptypb"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/internal/rpc"
	"dyno/systems"
)

// options are ghz's. It runs with its defaults but for what makes it
// comparable: our connections, no templates (with them it costs several times
// as much), our deadline, and the very bytes that our own loops send. It ends
// after a number of calls, not after a time: at the end of a time ghz breaks
// off the calls that are in flight, and counts those in its rate and average.
func options(w driver.Witness) ([]runner.Option, error) {
	described, err := protoset(w.Method)
	if err != nil {
		return nil, err
	}
	md := metadata.New(w.Metadata) // ready made: in its own, ghz fills in templates
	connection, err := connectionOptions(w.Endpoint)
	if err != nil {
		return nil, err
	}
	options := append(connection,
		runner.WithConcurrency(uint(w.Workers)),
		runner.WithAsync(w.Async),
		runner.WithRPS(uint(w.Rate)),
		runner.WithTotalRequests(uint(w.Calls())),
		runner.WithTimeout(cmp.Or(w.Timeout, load.DefaultTimeout)),
		runner.WithDataProvider(provider(w.Requests)),
		runner.WithProtosetBinary(described),
		runner.WithMetadataProvider(func(*runner.CallData) (*metadata.MD, error) { return &md, nil }),
		runner.WithDisableTemplateFuncs(true),
		runner.WithDisableTemplateData(true),
	)
	if w.MessageRate > 0 {
		options = append(options, runner.WithStreamInterval(time.Duration(1e9/w.MessageRate)))
	}
	return options, nil
}

// connectionOptions make ghz connect as we do. Its own option for compression
// is left out: it writes to metadata that calls share.
func connectionOptions(e rpc.Endpoint) ([]runner.Option, error) {
	size := cmp.Or(e.MaxMessageBytes, rpc.DefaultMaxMessageBytes)
	calls := append(e.Compression(), grpc.MaxCallRecvMsgSize(size), grpc.MaxCallSendMsgSize(size))
	options := []runner.Option{
		runner.WithInsecure(!e.TLS),
		runner.WithConnections(uint(max(e.Connections, 1))),
		runner.WithAuthority(e.Authority),
		runner.WithKeepalive(e.Keepalive),
		runner.WithDefaultCallOptions(calls),
	}
	if e.TLS {
		options = append(options, runner.WithSkipTLSVerify(e.SkipVerify), runner.WithRootCertificate(e.CACert),
			runner.WithCertificate(e.Cert, e.Key), runner.WithServerNameOverride(e.ServerName))
	}
	if e.ServiceConfig != "" {
		policy, err := loneBalancer(e.ServiceConfig)
		if err != nil {
			return nil, err
		}
		options = append(options, runner.WithClientLoadBalancing(policy))
	}
	return options, nil
}

// loneBalancer is the one thing of a service config that ghz can be told.
func loneBalancer(config string) (string, error) {
	var all map[string]json.RawMessage
	var policies []map[string]map[string]json.RawMessage
	err := json.Unmarshal([]byte(config), &all)
	if err == nil && len(all) == 1 {
		err = json.Unmarshal(all["loadBalancingConfig"], &policies)
	}
	if err == nil && len(policies) == 1 && len(policies[0]) == 1 {
		for name, own := range policies[0] {
			if len(own) == 0 {
				return name, nil
			}
		}
	}
	return "", systems.Usagef(`--service-config %s: ghz takes the name of a load-balancing policy only, {"loadBalancingConfig":[{"NAME":{}}]}`,
		config)
}

// provider hands our messages to ghz.
func provider(requests func() ([]*driver.Message, error)) runner.DataProviderFunc {
	return func(*runner.CallData) ([]*dynamic.Message, error) {
		batch, err := requests()
		if err != nil {
			return nil, err
		}
		out := make([]*dynamic.Message, len(batch))
		for i, m := range batch {
			if out[i], err = made(m); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
}

// made is the message as ghz takes it: one without fields, which keeps what it
// does not know as it is.
func made(m *driver.Message) (*dynamic.Message, error) {
	d, err := m.Once(func(encoded []byte) (any, error) {
		empty, err := desc.LoadMessageDescriptorForMessage(new(emptypb.Empty))
		if err != nil {
			return nil, err
		}
		d := dynamic.NewMessage(empty)
		return d, d.Unmarshal(encoded)
	})
	if err != nil {
		return nil, err
	}
	return d.(*dynamic.Message), nil
}
