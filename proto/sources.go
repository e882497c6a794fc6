// Package proto holds the .proto files of all systems and the Go code generated
// from them, for programs that are to speak the same protocols.
package proto

import "embed"

// Sources are the .proto files and their generated code, by their paths in this
// folder.
//
//go:embed */v1/*.proto */v1/*.go seed/*/*.proto seed/*/*.go
var Sources embed.FS
