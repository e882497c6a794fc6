// Package cluster is a real Kubernetes of two nodes on one machine, for tests: each
// node has network, mounts and processes of its own, a containerd and a kubelet, and all
// Kubernetes programs are one binary (dyno/tools/kube). It needs root, and from
// Debian containerd, runc, containernetworking-plugins and etcd-server.
//
// It proves behaviour, never figures: both kubelets offer the same cores.
package cluster
