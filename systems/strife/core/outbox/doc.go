// Package outbox is a client's offline queue: payments that are sent when the
// gateway can be reached, each until its end is known.
//
// A payment is QUEUED, then SENT, then FINAL. That it is queued is durable
// before anybody is told, and so is that it is sent, before it is: whether a
// payment may have happened is known after any crash. A later payment never
// overtakes an earlier one from the same account; those from other accounts go
// on beside it. A payment leaves the queue when its final answer is durable and
// the user was told: at least once, each time with the same number.
//
// The gateway remembers a key for a time, [Config].Forgets; a payment that is
// sent again after that would be a new one. So from [Config].MaxAge on, which is
// less, a payment is not sent any more, but withdrawn: the gateway says how it
// ended, or promises that it never will happen.
//
// Nothing in the queue lets anybody pay: who sends must have a session of his
// own.
package outbox
