#!/bin/sh
# containerd 1.6 (Debian's): `state`, `root` and the socket of one containerd may be
# its own, and the sockets of its containers' shims still lie in /run/containerd/s,
# what runc notes of them in /run/containerd/runc. Two on one machine share both, and
# one that is gone with its folders leaves them behind.
#
# A second containerd needs a /run of its own (a mount namespace). Needs root.
. "$(dirname "$0")/lib.sh"
containerd --version | grep -q ' 1\.6\.' || { echo "this needs containerd 1.6 and runc: apt-get install containerd runc"; exit 1; }
module <<'GO'
package main

import "time"

func main() { time.Sleep(time.Minute) }
GO
mkdir -p rootfs
CGO_ENABLED=0 go build -C main -o ../rootfs/wait .
cat >config.toml <<TOML
version = 2
root = "$dir/root"
state = "$dir/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$dir/sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$dir/opt"
TOML
cat >inside.sh <<'SH'
mount -t tmpfs finding /run
containerd -c config.toml >log 2>&1 &
until ctr -a "$PWD/sock" version >/dev/null 2>&1; do kill -0 $! || exit 1; sleep 0.1; done
ctr -a "$PWD/sock" run -d --cgroup /finding --rootfs "$PWD/rootfs" one /wait
find /run/containerd/s -type s | wc -l >sockets
ls /run/containerd/runc/default >runc
find state -type s | wc -l >own
ctr -a "$PWD/sock" task kill -s KILL one
until ctr -a "$PWD/sock" task rm one >/dev/null 2>&1; do sleep 0.1; done
SH
unshare --mount --pid --fork --kill-child --mount-proc sh -e inside.sh
for d in /sys/fs/cgroup/finding /sys/fs/cgroup/*/finding; do rmdir "$d" 2>/dev/null || true; done
same "sockets of shims in the folder of the state" "$(cat own)" 0
same "sockets of shims in /run/containerd/s" "$(cat sockets)" 1
same "containers of the namespace in /run/containerd/runc" "$(cat runc)" one
