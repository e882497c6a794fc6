// Package rival runs servers that others wrote (Redis, PostgreSQL) beside our
// own systems: in the same blocks, under the same load, faults and checkers.
//
// Nothing is downloaded. [Software.Find] looks for what is
// installed; what is not is a [systems.AbsentError], with which a trial is left
// out. [Open] gives the trial a room for servers, each with a data folder and a
// port of its own and a configuration that is written here, ready once it has
// answered a query.
//
// A server is a role like any other ([Role]): a process of dyno that becomes the
// program (exec), so that what kills, pauses, restarts, watches and reaps our own
// processes does the same to it, and the kernel ends it when dyno is killed.
// PostgreSQL refuses to run as root: then it runs as nobody.
//
// Redis is spoken to by [Conn], the sixty lines that its protocol needs: a
// client library's pools and pipelines would be part of what is measured.
// PostgreSQL's protocol is worth a library; its client is a program of a module
// of its own, rivals, found by [FindClient], so that nobody who does not measure
// PostgreSQL pays for its driver.
package rival
