//go:build unix && !linux

package process

import "syscall"

// attributes puts a process into a group of its own, so that Ctrl-C at the
// terminal reaches dyno alone.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
