#!/bin/sh
# nginx 1.22 (Debian's nginx-light), grpc_pass: a call whose server goes away before
# it answers is not sent to the next server, whatever grpc_next_upstream says. A body
# is passed on while it comes, and what has begun is not begun again; only a server
# that cannot be connected to is passed over. The same failure behind proxy_pass,
# which keeps the body, is sent to the next server.
#
# Idempotent calls that are to survive a server need a client that tries again.
. "$(dirname "$0")/lib.sh"
nginx=$(command -v nginx || echo /usr/sbin/nginx)
"$nginx" -v 2>&1 | grep -q 'nginx/1\.22\.' || { echo "this needs nginx 1.22: apt-get install nginx-light"; exit 1; }
module google.golang.org/grpc@v1.85.0 <<'GO'
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

const conf = `daemon off;
master_process off;
pid nginx.pid;
error_log error.log;
events {}
http {
  access_log off;
  client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e;
  upstream calls { server %s; server %s; }
  upstream pages { server %s; server %s; }
  server {
    listen %s http2;
    location / {
      grpc_pass grpc://calls;
      grpc_next_upstream error timeout invalid_header http_502 http_503 http_504 non_idempotent;
    }
  }
  server {
    listen %s;
    location / {
      proxy_pass http://pages;
      proxy_next_upstream error timeout invalid_header http_502 http_503 http_504 non_idempotent;
    }
  }
}
`

// server answers, or goes away when it is called.
type server struct {
	grpc_health_v1.UnimplementedHealthServer
	g    *grpc.Server
	away bool
}

func (s *server) Check(ctx context.Context, _ *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	if s.away {
		go s.g.Stop()
		<-ctx.Done()
	}
	return &grpc_health_v1.HealthCheckResponse{}, nil
}

func listen() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	return l
}

func calls(away bool) string {
	l, s := listen(), &server{g: grpc.NewServer(), away: away}
	grpc_health_v1.RegisterHealthServer(s.g, s)
	go s.g.Serve(l)
	return l.Addr().String()
}

func pages(away bool) string {
	l := listen()
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away {
			conn, _, err := w.(http.Hijacker).Hijack()
			must(err)
			conn.Close()
		}
	}))
	return l.Addr().String()
}

func free() string {
	l := listen()
	defer l.Close()
	return l.Addr().String()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	dir, err := os.MkdirTemp(".", "nginx")
	must(err)
	dir, err = filepath.Abs(dir)
	must(err)
	front, pageFront := free(), free()
	text := fmt.Sprintf(conf, calls(true), calls(false), pages(true), pages(false), front, pageFront)
	must(os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(text), 0o600))
	nginx := exec.Command(os.Args[1], "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	must(nginx.Start())
	defer func() {
		nginx.Process.Kill()
		nginx.Wait()
	}()
	for begin := time.Now(); time.Since(begin) < 10*time.Second; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", front); err == nil {
			c.Close()
			break
		}
	}
	conn, err := grpc.NewClient(front, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	defer conn.Close()
	call := func() string {
		_, err := grpc_health_v1.NewHealthClient(conn).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
		return status.Code(err).String()
	}
	fmt.Println("grpc_pass, the server goes away before it answers:", call())
	fmt.Println("grpc_pass, it cannot be connected to any more:", call())
	r, err := http.Post("http://"+pageFront, "text/plain", strings.NewReader("a body"))
	must(err)
	r.Body.Close()
	fmt.Println("proxy_pass, the server goes away before it answers:", r.StatusCode)
}
GO
seen=$(./main.bin "$nginx")
printf '%s\n' "$seen"
want='grpc_pass, the server goes away before it answers: Unavailable
grpc_pass, it cannot be connected to any more: OK
proxy_pass, the server goes away before it answers: 200'
[ "$seen" = "$want" ] || { printf 'CHANGED, it was:\n%s\n' "$want"; exit 1; }
