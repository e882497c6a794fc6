//go:build !linux

package server

import "errors"

func free(string) (uint64, error) { return 0, errors.ErrUnsupported }
