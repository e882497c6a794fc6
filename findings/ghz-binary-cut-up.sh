#!/bin/sh
# ghz 0.121.0, option -B (one message, encoded): an ordinary request is sent as
# another one, with status OK and exit code 0.
#
# ghz first takes the file for a row of messages with their lengths before them.
# A message whose first string has 37 characters begins with the bytes 0a 25; if
# these 10 (0a) bytes parse as a message by themselves, as they do when the
# fifth character is one of "%-5=EMU]emu}", ghz sends them alone, and drops the
# rest without a word: the server gets an empty name and two unknown fields.
#
# Safe: put the message's length before it (protodelim, writeDelimitedTo).
. "$(dirname "$0")/lib.sh"
tool github.com/bojand/ghz/cmd/ghz@v0.121.0
echo_server
cat >shop.proto <<'P'
syntax = "proto3";
package shop;
message Address { string line = 1; }
service Shop { rpc Send(Address) returns (Address); }
P
line='Store 12, Main Street, Springfield 01'
hex() { od -An -tx1 "$1" | tr -d ' \n'; }

printf '\n%%%s' "$line" >one.bin # field 1, 37 bytes
./ghz --insecure --proto shop.proto --call shop.Shop/Send -B one.bin -n 1 -c 1 "$address" >report && code=0 || code=$?
same 'exit code' "$code" 0
same 'status' "$(grep -c '\[OK\] *1 responses' report)" 1
same 'the message' "$(hex one.bin)" 0a2553746f72652031322c204d61696e205374726565742c20537072696e676669656c64203031
same 'what the server got' "$(tail -1 came)" 2553746f72652031322c

printf "\\047" | cat - one.bin >framed.bin # 39 bytes follow
./ghz --insecure --proto shop.proto --call shop.Shop/Send -B framed.bin -n 1 -c 1 "$address" >report
same 'with its length before it' "$(tail -1 came)" "$(hex one.bin)"
