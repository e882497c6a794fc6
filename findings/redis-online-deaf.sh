#!/bin/sh
# Redis 7.0.15 (Debian redis-server): a primary says state=online of a replica up to
# 0.9 s before it sends it anything.
#
# After the snapshot the primary holds the stream of commands back until the replica
# acknowledges, and INFO calls it online before that. The replica does so at once,
# and then once a second; when the first comes before the primary has noticed that
# its own snapshot is done, it is not heeded. A WAIT asked at "online" was answered
# within 0.1 s in most rounds, and after 0.91 s in about one of five: whoever
# measures from "online" on has a window with a hole in it.
. "$(dirname "$0")/lib.sh"
redis-server --version | grep -q 'v=7\.0\.15 ' || { echo "this needs redis-server 7.0.15: apt-get install redis-server"; exit 1; }
tidy() { # both of them
	for s in $server; do kill "$s" 2>/dev/null || true; done
	cd / && rm -rf "$dir"
}
start() { # start PORT OPTION...: a server in memory
	port=$1
	shift
	mkdir "$port.$round"
	redis-server --port "$port" --bind 127.0.0.1 --save '' --dir "$port.$round" "$@" >"log$port" &
	server="$server $!"
	until redis-cli -p "$port" ping >/dev/null 2>&1; do sleep 0.01; done
}
longest=0
shortest=9999
for round in $(seq 40); do
	start 27105 --repl-diskless-sync-delay 0
	start 27106 --replicaof 127.0.0.1 27105
	until redis-cli -p 27105 info replication | grep -q '^slave0:.*state=online'; do :; done
	asked=$(date +%s%N)
	had=$(printf 'incr a\nwait 1 5000\n' | redis-cli -p 27105 | tail -1)
	ms=$((($(date +%s%N) - asked) / 1000000))
	echo "round $round: WAIT says $had after $ms ms"
	[ "$ms" -le "$longest" ] || longest=$ms
	[ "$ms" -ge "$shortest" ] || shortest=$ms
	for s in $server; do kill "$s" && wait "$s" || true; done
	server=
	[ "$longest" -lt 700 ] || [ "$shortest" -gt 200 ] || break
done
same "the longest is more than 0.7 s" "$([ "$longest" -gt 700 ] && echo yes || echo no)" yes
same "the shortest is less than 0.2 s" "$([ "$shortest" -lt 200 ] && echo yes || echo no)" yes
