// Package client is the interface of the standby system: it hides from those who
// use accounts that there are two servers, and which of them is the primary.
//
// A [Bank] holds the connections to both servers, a [Session] is one client: it
// has one request under way at a time and numbers them, so that each is done
// once however often it is sent. A request goes to the server that answered
// last. When that one gives no answer, or says that it is not the primary, the
// same request goes to the other one, and so on, with growing waits, until it is
// answered or a bound is reached. Where there is no witness, the other server is
// told to take over when the first gives no answer.
//
// Every answer carries the state that it speaks of, epoch and action id, and
// every request the newest that its session has seen: a server that is behind
// does not answer until it has caught up. When it never can, because what the
// session has seen is gone with a server, the error is a [LostError].
//
// Sessions send unary calls, or share one stream per server: then whatever is
// ready to be sent travels in one message.
package client
