#!/bin/sh
# ghz 0.121.0, option -O json or csv: the timestamp of a call in "details" is
# the time at which it ended, not at which it was sent.
#
# Who sorts calls into seconds by it, or cuts a warm-up off, sorts by answers:
# a server that stands still for a second shows as a second without requests
# and a burst after it, whatever was sent meanwhile. Beginnings are
# timestamp - latency.
. "$(dirname "$0")/lib.sh"
tool github.com/bojand/ghz/cmd/ghz@v0.121.0
delay=2s
echo_server
cat >shop.proto <<'P'
syntax = "proto3";
package shop;
message Item { string name = 1; }
service Shop { rpc Get(Item) returns (Item); }
P
# One call, of two seconds. The report is made right after it.
./ghz --insecure --proto shop.proto --call shop.Shop/Get -d '{"name":"a"}' -n 1 -c 1 -O json "$address" >report.json
# at KEY: the second in which something was, of the first such key.
at() { date -d "$(grep -o "\"$1\":\"[^\"]*\"" report.json | head -1 | cut -d'"' -f4)" +%s; }
made=$(at date)
stamp=$(at timestamp)
age=$((made - stamp))
echo "when ghz made its report, the timestamp of the call was $age s old; the call had begun 2 s before"
same 'it is younger than the call was long' "$([ "$age" -ge 0 ] && [ "$age" -lt 2 ] && echo yes)" yes
