// Command dyno-role runs one role in a process that is measured; dyno starts it.
package main

import (
	"context"
	"os"

	"dyno/internal/role"
)

func main() {
	os.Exit(role.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
