#!/bin/sh
# Process 1 of a node. What its programs write or mount outside of the node's folder,
# and whatever they start, ends with it.
for d in /run /var/lib /var/log; do mount -t tmpfs {{.Name}} $d || exit; done
until grep -q eth0: /proc/net/dev; do sleep 0.05; done # it is brought from outside
ip link set lo up
ip addr add {{.Address}}/24 dev eth0
ip link set eth0 up
ip route add default via {{.Home}}
ip route add {{.Other.Pods}} via {{.Other.Address}}
echo 1 >/proc/sys/net/ipv4/ip_forward
containerd -c {{.Dir}}/containerd.toml >{{.Logs}}-containerd.log 2>&1 &
until test -S {{.Socket}}; do sleep 0.05; done
{{.Program}} kubelet --config {{.Dir}}/kubelet.yaml --kubeconfig {{.Kubeconfig}} --hostname-override {{.Name}} \
	--node-ip {{.Address}} --root-dir {{.Dir}}/kubelet --cert-dir {{.Dir}}/certs >{{.Logs}}-kubelet.log 2>&1 &
wait
