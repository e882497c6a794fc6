#!/bin/sh
# grpcurl 1.9.4 and ghz 0.121.0 refuse requests in protobuf's JSON form, as its
# specification has it: a FieldMask, which is a text; bytes in the base64
# alphabet for URLs; and grpcurl also a whole number with an exponent. They have
# a FieldMask as an object of paths instead, which Go's protojson 1.36.12
# refuses. So neither text of a FieldMask works everywhere.
. "$(dirname "$0")/lib.sh"
tool github.com/bojand/ghz/cmd/ghz@v0.121.0
tool github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4
module google.golang.org/protobuf@v1.36.12 <<'GO'
package main

import (
	"os"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

func main() {
	if protojson.Unmarshal([]byte(os.Args[1]), new(fieldmaskpb.FieldMask)) != nil {
		os.Exit(1)
	}
}
GO
mv main.bin protojson && rm -r main
echo_server
cat >shop.proto <<'P'
syntax = "proto3";
package shop;
import "google/protobuf/field_mask.proto";
message Item { google.protobuf.FieldMask shown = 1; bytes key = 2; int64 stock = 3; }
service Shop { rpc Put(Item) returns (Item); }
P
# takes COMMAND ...: does it succeed?
takes() { "$@" >output 2>&1 && echo yes || { tail -1 output >&2 && echo no; }; }
by_grpcurl() { takes ./grpcurl -plaintext -proto shop.proto -d "$1" "$address" shop.Shop/Put; }
by_ghz() { takes ./ghz --insecure --proto shop.proto --call shop.Shop/Put -d "$1" -n 1 -c 1 "$address"; }

same 'protojson takes "a,b"' "$(takes ./protojson '"a,b"')" yes
same 'protojson takes {"paths":["a","b"]}' "$(takes ./protojson '{"paths":["a","b"]}')" no
same 'grpcurl takes {"shown":"a,b"}' "$(by_grpcurl '{"shown":"a,b"}')" no
same 'ghz takes {"shown":"a,b"}' "$(by_ghz '{"shown":"a,b"}')" no
same 'grpcurl takes {"shown":{"paths":["a","b"]}}' "$(by_grpcurl '{"shown":{"paths":["a","b"]}}')" yes
same 'ghz takes {"shown":{"paths":["a","b"]}}' "$(by_ghz '{"shown":{"paths":["a","b"]}}')" yes
same 'grpcurl takes {"key":"-_8="}' "$(by_grpcurl '{"key":"-_8="}')" no
same 'ghz takes {"key":"-_8="}' "$(by_ghz '{"key":"-_8="}')" no
same 'grpcurl takes {"stock":1e3}' "$(by_grpcurl '{"stock":1e3}')" no
same 'ghz takes {"stock":1e3}' "$(by_ghz '{"stock":1e3}')" yes
