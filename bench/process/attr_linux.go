package process

import "syscall"

// attributes puts a process into a group of its own, so that Ctrl-C at the
// terminal reaches dyno alone, and has the kernel kill it when the thread that
// started it ends: see [spawner].
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
