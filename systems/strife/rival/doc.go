// Package rival is PostgreSQL 15 beside strife: payments across two clusters by
// PREPARE TRANSACTION, driven by a coordinator that does what strife's gateway
// does, and payments within one cluster by one transaction, as the price of being
// distributed.
//
// The coordinator (module rivals) books a leg in each cluster, asks both to
// prepare, forces its decision to a log of its own (internal/journal) and answers;
// the second phase follows behind the answer. A key is paid once: the clusters
// have it as the key of their legs. Durability is PostgreSQL's default, fsync and
// synchronous_commit on; max_prepared_transactions, 0 by default, is raised.
//
// What strife does beyond that costs PostgreSQL nothing here: mutual TLS,
// sessions, an offline queue, stored answers that survive the coordinator.
//
// Every trial ends with an audit of the clusters' tables: no money came or went,
// no payment is there twice or by half, and each that was acknowledged is there;
// also after kill -9 of a cluster or of the coordinator.
package rival
