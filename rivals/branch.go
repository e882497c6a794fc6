package main

import (
	"context"
	"errors"
	"flag"
)

func branch(*flag.FlagSet) func(context.Context) (any, error) {
	return func(context.Context) (any, error) { return nil, errors.New("later") }
}
