// Command dyno is a dynamometer for distributed systems; see README.md.
package main

import (
	"context"
	"os"

	"dyno/internal/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
