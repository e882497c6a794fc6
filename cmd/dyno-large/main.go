// Command dyno-large runs one of the roles that dyno-role is too small for; dyno starts
// it, and runs them itself where it is not there.
package main

import (
	"context"
	"os"

	"dyno/internal/role"
	"dyno/systems/all/large"
)

func main() {
	os.Exit(role.Slim(large.Systems()...)(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
