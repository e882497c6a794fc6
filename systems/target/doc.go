// Package target puts a service that somebody else wrote, in any language,
// under load: a YAML file says where it listens, which unary method to call,
// with what, and what the answer must say. It is started by its owner, not by
// dyno.
//
// Requests and answers are dynamic messages: their descriptors come from the
// server's reflection service (reflect.go), or from .proto files or a protoset
// (files.go). The request is encoded once (message.go); our loops and ghz send
// these bytes. An answer is right when the fields that expect names have its
// values (expect.go, pattern.go). Without expect, and with ghz, which hands out
// no answers, nobody looked: such trials carry the flag "unchecked" into every
// table and caption.
//
// What each trial checks: the answers, where expect says something; the
// generator's own checks; that anything was answered at all.
//
// There is no protocol and so no pure core.
package target
