// Package target puts a service that somebody else wrote, in any language,
// under load: a YAML file says how it is reached, which method to call, with
// what, and what the answer must say. It is started by its owner, not by dyno.
//
// The service is reached as services are (connection.go): by TLS, over several
// connections, by any resolver of gRPC's, as several servers of which each has its
// part told (servers.go). Descriptors come from its reflection
// service (reflect.go), or from .proto files or a protoset (files.go). Requests
// (requests.go) come from one text or from lines of a file, with gaps that are
// filled in (template.go); each is encoded once (messages.go), and our loops and
// ghz send these bytes, in calls or in streams (stream.go, talk.go). An answer is
// right when the fields that expect names have its values (expect.go,
// pattern.go). Without expect, and with ghz, which hands out no answers, nobody
// looked: such trials carry the flag "unchecked" into every table and caption.
//
// What each trial checks: the answers, where expect says something; the
// generator's own checks; that anything was answered at all.
//
// There is no protocol and so no pure core.
package target
