// Package kube lets Kubernetes place dyno: a pod is a machine that an agent serves,
// not a role. It prints what kubectl creates (a headless Service, an Indexed Job of
// agents, a runner's Pod), waits until all machines have come or says of each why not,
// brings certificates into pods, and results out of one, without tar.
//
// It knows no more of a cluster than kubectl does: no client library, no rights but
// to these three kinds in one namespace.
package kube
