// Package server is one branch behind gRPC: the core in its host, the service of
// customers and branches, the course's own service on the same engine, and the
// connections to the other branches, made when they are first needed.
package server
