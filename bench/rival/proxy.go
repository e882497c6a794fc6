package rival

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"dyno/systems"
)

// Proxy is a server that stands between clients and servers of gRPC and passes
// on each call.
type Proxy struct {
	systems.Process
	Endpoint string
}

// Balance is how a proxy chooses a server.
type Balance int

// The ways that both proxies have, and one for neither to be told: by a coin.
const (
	RoundRobin Balance = iota
	LeastConnections
	RandomTwo
	Coin
)

// ProxyOptions say how a proxy runs.
type ProxyOptions struct {
	Balance Balance
	Servers []string      // HOST:PORT
	Attempt time.Duration // what a server is given to answer
	Retries int           // how many other servers may be asked when one did not, though it may have done its work
	Ready   func(ctx context.Context, addr string) error
}

// One worker, since all clients share one connection, which has one worker. In
// one process (master_process off), so that its CPU clock is all of it. What the
// bounds of calls on a connection are raised to is more than any trial has; all
// else is nginx's default, such as that a server that failed once is left alone
// for ten seconds.
const nginxConf = `daemon off;
master_process off;
worker_processes 1;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  http2_max_concurrent_streams 4096;
  keepalive_requests 1000000000;
  upstream servers {
    zone servers 256k;
    %s
%s    keepalive 1024;
    keepalive_requests 1000000000;
  }
  server {
    listen %s http2;
    location / {
      grpc_pass grpc://servers;
      grpc_connect_timeout %dms;
      grpc_send_timeout %[5]dms;
      grpc_read_timeout %[5]dms;
      grpc_next_upstream %s;
      grpc_next_upstream_tries %d;
    }
  }
}
`

var nginxBalance = map[Balance]string{
	RoundRobin: "", LeastConnections: "least_conn;", RandomTwo: "random two least_conn;", Coin: "random;",
}

// Nginx starts nginx in front of servers.
func (r *Room) Nginx(ctx context.Context, o ProxyOptions) (*Proxy, error) {
	next := "off"
	if o.Retries > 0 {
		next = "error timeout http_502 http_503 http_504 non_idempotent"
	}
	return r.proxy(ctx, nginx, o, []string{"-e", "stderr", "-p", ".", "-c"}, func(addr string) string {
		var servers strings.Builder
		for _, s := range o.Servers {
			fmt.Fprintf(&servers, "    server %s;\n", s)
		}
		return fmt.Sprintf(nginxConf, nginxBalance[o.Balance], servers.String(), addr, o.Attempt.Milliseconds(), o.Attempt.Milliseconds(), next,
			o.Retries+1)
	})
}

// One thread, since all clients share one connection. Servers are looked after
// by connecting every fifth of a second; and since a server that hangs still lets
// itself be connected to, by what becomes of calls.
const haproxyConf = `global
  nbthread 1
  maxconn 4096
  tune.h2.max-concurrent-streams 4096
defaults
  mode http
  timeout connect %dms
  timeout client 1h
  timeout server %[1]dms
  retries %d
  option redispatch 1
  retry-on %s
  http-reuse always
frontend calls
  bind %s proto h2
  default_backend servers
backend servers
  balance %s
  default-server proto h2 check inter 200ms fall 2 rise 2 observe layer7 error-limit 3 on-error mark-down
%s`

var haproxyBalance = map[Balance]string{RoundRobin: "roundrobin", LeastConnections: "leastconn", RandomTwo: "random(2)", Coin: "random(1)"}

// HAProxy starts HAProxy in front of servers.
func (r *Room) HAProxy(ctx context.Context, o ProxyOptions) (*Proxy, error) {
	on := "none"
	if o.Retries > 0 {
		on = "all-retryable-errors"
	}
	return r.proxy(ctx, haproxy, o, []string{"-db", "-f"}, func(addr string) string {
		var servers strings.Builder
		for i, s := range o.Servers {
			fmt.Fprintf(&servers, "  server s%d %s\n", i+1, s)
		}
		return fmt.Sprintf(haproxyConf, o.Attempt.Milliseconds(), o.Retries, on, addr, haproxyBalance[o.Balance], servers.String())
	})
}

// proxy starts one that reads its configuration from a file, whose name follows
// its arguments. It is ready when a call through it is answered.
func (r *Room) proxy(ctx context.Context, s Software, o ProxyOptions, args []string, conf func(addr string) string) (*Proxy, error) {
	path, err := r.use(s)
	if err != nil {
		return nil, err
	}
	name := filepath.Base(path)
	dir, err := r.dir(name, false)
	if err != nil {
		return nil, err
	}
	n, err := port()
	if err != nil {
		return nil, err
	}
	p := &Proxy{Endpoint: "127.0.0.1:" + strconv.Itoa(n)}
	file := filepath.Join(dir, name+".conf")
	if err := errors.Join(os.WriteFile(file, []byte(conf(p.Endpoint)), 0o600)); err != nil {
		return nil, err
	}
	p.Process, err = r.start(ctx, program{
		name: name, dir: dir, args: append(append([]string{path}, args...), file),
		ready: func(ctx context.Context) error { return o.Ready(ctx, p.Endpoint) },
	})
	return p, err
}
