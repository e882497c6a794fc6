# What the findings share; each sources it. It makes a temporary folder, enters
# it, and leaves nothing behind.
set -eu
dir=$(mktemp -d)
server=
tidy() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	cd / && rm -rf "$dir"
}
trap tidy EXIT
trap 'exit 1' INT TERM
cd "$dir"
export GOFLAGS=-mod=mod GOWORK=off GOBIN="$dir"

# tool PACKAGE@VERSION: build a command into the folder.
tool() { go install "$1"; }

# module PACKAGE@VERSION ...: a module with these, whose main.go is standard input.
module() {
	mkdir -p main && cd main
	cat >main.go
	go mod init finding >/dev/null 2>&1
	go get "$@" >/dev/null 2>&1
	go build -o "$dir/main.bin" .
	cd "$dir"
}

# echo_server: a gRPC server, grpc-go 1.85.0, of any method: it answers with the
# bytes that it was sent, after $delay seconds, and writes them as hex into the
# file "came". Sets $address.
echo_server() {
	module google.golang.org/grpc@v1.85.0 <<'GO'
package main

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

func main() {
	delay, err := time.ParseDuration(os.Args[1])
	if err != nil {
		panic(err)
	}
	s := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		m := new(emptypb.Empty) // all fields are unknown to it, and kept
		if err := stream.RecvMsg(m); err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, hex.EncodeToString(m.ProtoReflect().GetUnknown()))
		time.Sleep(delay)
		return stream.SendMsg(m)
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	panic(s.Serve(l))
}
GO
	./main.bin "${delay:-0s}" >address 2>came &
	server=$!
	until [ -s address ]; do
		kill -0 "$server" || exit 1
		sleep 0.1
	done
	address=$(cat address)
}

# same WHAT SEEN EXPECTED: say what was seen; end with 1 when it is something else.
same() {
	printf '%s: %s\n' "$1" "$2"
	[ "$2" = "$3" ] || { printf 'CHANGED: it was: %s\n' "$3"; exit 1; }
}
