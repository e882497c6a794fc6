// Command dyno-whole is dyno with what few of its commands need. dyno finds it.
package main

import (
	"context"
	"os"

	"dyno/internal/cli"
	"dyno/systems/all/whole"
)

func main() {
	whole.Link()
	os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
