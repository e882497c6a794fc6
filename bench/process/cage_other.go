//go:build unix && !linux

package process

import "syscall"

// Elsewhere what a program starts is ended with its process group, and no more is
// known of it.

type signalNumber = syscall.Signal

const (
	stopSignal = syscall.SIGSTOP
	killSignal = syscall.SIGKILL
)

func sendSignal(pid int, s signalNumber) { _ = syscall.Kill(pid, s) }

func aloof() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

func marked(string) []int    { return nil }
func allTasks() int          { return 0 }
func resident(int) int64     { return 0 }
func taskGroup(int) *Dir     { return nil }
func countTasks(string) int  { return 0 }
func inGroup(string) []int   { return nil }
func confine(int, int) error { return nil }
func awaitZombie(int)        {}
