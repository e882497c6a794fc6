//go:build !linux

package peer

import "syscall"

// tied does nothing: a program goes on to the end of its input.
func tied() *syscall.SysProcAttr { return nil }
