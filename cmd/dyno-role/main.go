// Command dyno-role runs one role in a process that is measured; dyno starts it.
package main

import (
	"context"
	"os"

	"dyno/internal/role"
	"dyno/systems/all/slim"
)

func main() {
	os.Exit(role.Slim(slim.Systems...)(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
