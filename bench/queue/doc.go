// Package queue is a server without a network: when would one that serves
// first come, first served be done with a request.
//
// Servers that burn CPU on a machine with few cores measure the cores. In the
// service-time model a server is busy for a drawn time instead, so that
// theory has something to say about it and many servers are as fast as many.
// The package is a pure core: time and randomness are passed in.
package queue
