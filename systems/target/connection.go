package target

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/resolver"

	"dyno/internal/rpc"
	"dyno/systems"
)

// The knobs that say how the service is reached.
const (
	knobAddress       = "address"
	knobTLS           = "tls"
	knobCACert        = "cacert"
	knobCert          = "cert"
	knobKey           = "key"
	knobServerName    = "server-name"
	knobSkipVerify    = "insecure-skip-verify"
	knobAuthority     = "authority"
	knobConnections   = "connections"
	knobMaxMessage    = "max-message-size"
	knobCompression   = "compression"
	knobKeepalive     = "keepalive"
	knobServiceConfig = "service-config"
)

const gzipped = "gzip"

var connectionKnobs = systems.Knobs{
	{
		Name: knobAddress, Default: "127.0.0.1:50051", Type: systems.Text{What: "an address", Check: address},
		Help: "where the service listens: HOST:PORT, [IPv6]:PORT, unix:PATH, several servers as ipv4:IP:PORT,IP:PORT or ipv6:[IP]:PORT,…, or " +
			"SCHEME:///NAME for a resolver of gRPC's, such as dns:///shop:443",
	},
	{Name: knobTLS, Default: "off", Type: systems.Switch{}, Help: "connect by TLS; off: in plain text"},
	{
		Name: knobCACert, Default: "", Type: systems.Text{What: "a PEM file, or nothing"},
		Help: "who must have certified the server; without, whom this machine trusts",
	},
	{
		Name: knobCert, Default: "", Type: systems.Text{What: "a PEM file, or nothing"},
		Help: "our own certificate, for a server that wants one (mutual TLS)",
	},
	{Name: knobKey, Default: "", Type: systems.Text{What: "a PEM file, or nothing"}, Help: "the private key of cert"},
	{
		Name: knobServerName, Default: "", Type: systems.Text{What: "a name, or nothing"},
		Help: "which name the server's certificate must have; without, that of authority or address",
	},
	{
		Name: knobSkipVerify, Default: "off", Type: systems.Switch{},
		Help: "take any certificate: who answers is not known then, and trials are flagged unverified",
	},
	{
		Name: knobAuthority, Default: "", Type: systems.Text{What: "a name, or nothing"},
		Help: "the :authority of all calls, by which a proxy finds the service; without, that of address",
	},
	{
		Name: knobConnections, Default: "1", Type: systems.Int{Min: 1, Max: 1000},
		Help: "connections that the clients share evenly",
	},
	{
		Name: knobMaxMessage, Unit: "KiB", Default: "4096", Type: systems.Size{Unit: "KiB", Min: 1, Max: 2<<20 - 1},
		Help: "largest request and answer",
	},
	{Name: knobCompression, Default: "none", Type: systems.Choice{"none", gzipped}, Help: "how requests are sent"},
	{
		Name: knobKeepalive, Default: "0s", Type: systems.Duration{Max: 24 * time.Hour},
		Help: "time between pings on a silent connection, 10s or more; 0s: none (many servers end connections that ping)",
	},
	{
		Name: knobServiceConfig, Default: "", Type: systems.Text{What: "a policy, a JSON object, or nothing", Check: maybe(policy)},
		Help: `the load-balancing policy, such as round_robin or least_request {"choiceCount": 3}, or a whole service config of gRPC's, in ` +
			"JSON; without, pick_first",
	},
}

// endpoint reads the knobs.
func endpoint(v systems.Values) rpc.Endpoint {
	return rpc.Endpoint{
		Address: v.Text(knobAddress), Connections: v.Int(knobConnections),
		TLS: v.On(knobTLS), CACert: v.Text(knobCACert), Cert: v.Text(knobCert), Key: v.Text(knobKey),
		ServerName: v.Text(knobServerName), SkipVerify: v.On(knobSkipVerify),
		Authority: v.Text(knobAuthority), MaxMessageBytes: v.Int(knobMaxMessage) << 10, Gzip: v.Text(knobCompression) == gzipped,
		Keepalive: v.Duration(knobKeepalive), ServiceConfig: serviceConfig(v.Text(knobServiceConfig)),
	}
}

// checkConnection refuses knobs that contradict each other.
func checkConnection(v systems.Values) error {
	if !v.On(knobTLS) {
		for _, knob := range []string{knobCACert, knobCert, knobKey, knobServerName, knobSkipVerify} {
			if text := v.Text(knob); text != "" && text != "off" {
				return systems.Usagef("--%s is of no use in plain text: give --%s as well, or leave it out", knob, knobTLS)
			}
		}
	}
	switch ping := v.Duration(knobKeepalive); {
	case (v.Text(knobCert) == "") != (v.Text(knobKey) == ""):
		return systems.Usagef("--%s and --%s belong together: give both, the certificate and its private key", knobCert, knobKey)
	case v.On(knobSkipVerify) && v.Text(knobCACert) != "":
		return systems.Usagef("--%s and --%s: give one of them, the first takes any certificate", knobSkipVerify, knobCACert)
	case ping > 0 && ping < rpc.MinKeepalive:
		return systems.Usagef("--%s %v: gRPC pings every %v at most; give %v or more, or 0s for none", knobKeepalive, ping, rpc.MinKeepalive,
			rpc.MinKeepalive)
	}
	return nil
}

// connect opens the connections, or says what to do about it that it cannot.
func connect(ctx context.Context, v systems.Values) (*rpc.Connections, error) {
	if err := checkConnection(v); err != nil {
		return nil, err
	}
	e := endpoint(v)
	if _, err := e.Identity(); err != nil {
		return nil, systems.Usagef("--%w", err)
	}
	for _, one := range e.Each() { // a policy would do without one that is not there, and without a word
		alone, err := open(ctx, one)
		if err == nil {
			err = alone.Close()
		}
		if err != nil {
			return nil, err
		}
	}
	return open(ctx, e)
}

func open(ctx context.Context, e rpc.Endpoint) (*rpc.Connections, error) {
	conns, err := e.Dial()
	if err != nil {
		return nil, systems.Usagef("--%s %s: %w%s", knobAddress, e.Address, err, remedy(err))
	}
	if err := conns.Open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("nothing answers at %s%s: %w", e.Address, remedy(err), err), conns.Close())
	}
	return conns, nil
}

// remedies are what to do about what gRPC and TLS say.
var remedies = []struct{ symptom, remedy string }{
	{"connection refused", "start your service first"},
	{"no such file or directory", "start your service first, or mend the path of its socket"},
	{"produced zero addresses", "is the name right?"},
	{"no such host", "is the name right?"},
	{"service config", "see --service-config"},
	{"bootstrap", "xds needs GRPC_XDS_BOOTSTRAP, the name of a bootstrap file"},
	{"certificate signed by unknown authority", "give --cacert the certificate of whoever signed the server's"},
	{"certificate is valid for", "say with --server-name which of these names to expect"},
	{"doesn't contain any IP SANs", "say with --server-name which name to expect"},
	{"legacy Common Name field", "the certificate names no host: make one that does, or give --insecure-skip-verify"},
	{"certificate is not valid for any names", "the certificate names no host: make one that does, or give --insecure-skip-verify"},
	{"does not look like a TLS handshake", "it speaks plain text: leave --tls out"},
	{"certificate required", "it wants to know who calls: give --cert and --key"},
	{"bad certificate", "it does not take our certificate: give another --cert and --key"},
	{"unknown certificate authority", "it does not take our certificate: give another --cert and --key"},
	{"broken pipe", "it hung up: does it want --tls, or another --cert and --key?"},
	{"connection reset", "it hung up: does it want --tls, or another --cert and --key?"},
	{"missing selected ALPN", "its TLS does not offer HTTP/2 (h2), which gRPC needs"},
	{"error reading server preface", "does it want --tls, or --cert and --key; or is it no gRPC server?"},
	{"larger than max", "raise --max-message-size, or the server's own bound"},
	{"Decompressor is not installed", "the service does not take gzip: leave --compression out"},
	{"DeadlineExceeded", "--deadline bounds a call, and a stream as a whole"},
	{"no connection within", "is the host right, and does a firewall let you through?"},
}

func remedy(err error) string {
	for _, r := range remedies {
		if strings.Contains(err.Error(), r.symptom) {
			return " (" + r.remedy + ")"
		}
	}
	return ""
}

// address takes what gRPC takes, and says what is wrong with the rest.
func address(text string) (string, error) {
	if servers, err := rpc.List(text); err != nil || len(servers) > 0 {
		return text, err
	}
	scheme, rest, ok := strings.Cut(text, ":")
	switch {
	case ok && strings.HasPrefix(scheme, "unix") && resolver.Get(scheme) != nil && rest != "",
		ok && resolver.Get(scheme) != nil && strings.HasPrefix(rest, "//"):
		return text, nil
	case strings.Contains(text, "://"):
		return "", &systems.ChoiceError{Word: scheme, Allowed: []string{"HOST:PORT", "ipv4", "ipv6", "dns", "unix", "xds"}}
	}
	host, port, err := net.SplitHostPort(text)
	if err == nil && (host == "" || port == "") {
		err = errors.New("host or port is missing")
	}
	if err != nil && strings.Contains(text, ",") {
		return "", errors.New("several servers are ipv4:IP:PORT,IP:PORT or ipv6:[IP]:PORT,[IP]:PORT")
	}
	if err != nil && strings.Count(text, ":") > 1 && !strings.Contains(text, "[") {
		err = fmt.Errorf("an IPv6 address stands in brackets, such as [::1]:50051: %w", err)
	}
	if err != nil {
		err = fmt.Errorf("give HOST:PORT, unix:PATH or SCHEME:///NAME: %w", err)
	}
	return text, err
}

var namedPolicy = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?s)^([a-z_]+) *(\{.*\})?$`) })

// policy takes a service config, or a load-balancing policy with its own.
func policy(text string) (string, error) {
	if strings.HasPrefix(text, "{") {
		return compact(text)
	}
	m := namedPolicy().FindStringSubmatch(text)
	if m == nil {
		return "", errors.New(`for example round_robin, or least_request {"choiceCount": 3}`)
	}
	if m[2] == "" {
		return m[1], nil
	}
	config, err := compact(m[2])
	return m[1] + " " + config, err
}

// serviceConfig is what gRPC wants, whose names of policies may have an end that
// others leave out.
func serviceConfig(text string) string {
	name, config, _ := strings.Cut(text, " ")
	if name == "" || name[0] == '{' {
		return text
	}
	if long := name + "_experimental"; balancer.Get(name) == nil && balancer.Get(long) != nil {
		name = long
	}
	return fmt.Sprintf(`{"loadBalancingConfig":[{%q:%s}]}`, name, cmp.Or(config, "{}"))
}

// retries says whether a service config lets calls be sent more than once.
func retries(config string) bool {
	var c struct {
		MethodConfig []map[string]json.RawMessage `json:"methodConfig"`
	}
	_ = json.Unmarshal([]byte(config), &c) // gRPC has read it already
	return slices.ContainsFunc(c.MethodConfig, func(m map[string]json.RawMessage) bool {
		return m["retryPolicy"] != nil || m["hedgingPolicy"] != nil
	})
}
