#!/bin/sh
# ghz 0.121.0: --stream-interval is a pause after each message, not the time from
# one to the next.
#
# What a message takes to be sent, and by how much a timer is late, come on top
# each time: a stream of 200 messages with an interval of 1 ms takes clearly
# longer than 200 ms, also on an idle machine. Whoever asks for 1000 messages a
# second within a stream gets fewer, and the report does not say so.
. "$(dirname "$0")/lib.sh"
tool github.com/bojand/ghz/cmd/ghz@v0.121.0
module google.golang.org/grpc@v1.85.0 <<'GO'
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

func main() {
	s := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		var first, last time.Time
		n := 0
		for m := new(emptypb.Empty); ; n++ {
			if err := stream.RecvMsg(m); err == io.EOF {
				break
			} else if err != nil {
				return err
			}
			if last = time.Now(); n == 0 {
				first = last
			}
		}
		fmt.Fprintln(os.Stderr, n, last.Sub(first).Microseconds())
		return stream.SendMsg(new(emptypb.Empty))
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	panic(s.Serve(l))
}
GO
./main.bin >address 2>came &
server=$!
until [ -s address ]; do kill -0 "$server" || exit 1; sleep 0.1; done
cat >shop.proto <<'P'
syntax = "proto3";
package shop;
message Item { string name = 1; }
service Shop { rpc Put(stream Item) returns (Item); }
P
./ghz --insecure --proto shop.proto --call shop.Shop/Put -d '{"name":"a"}' -n 1 -c 1 --stream-call-count 200 --stream-interval 1ms \
	"$(cat address)" >report.txt
read -r n micros <came
echo "$n messages, the last $micros µs after the first; 199 intervals of 1 ms are 199000 µs"
same 'they came later than the intervals say' "$([ "$n" -eq 200 ] && [ "$micros" -gt 205000 ] && echo yes)" yes
