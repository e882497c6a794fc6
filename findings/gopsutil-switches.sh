#!/bin/sh
# gopsutil 3.24.5 on Linux: Process.NumCtxSwitches counts those of one thread, the
# main one, though it is asked of a process.
#
# Here the main thread sleeps for the whole time, while four others of the same
# process switch 1000 times each: the process is said to have switched fewer than
# 100 times. Add the threads up: process.Process{Pid: thread} for each of
# Threads(), which together say 4000 or more.
. "$(dirname "$0")/lib.sh"
module github.com/shirou/gopsutil/v3@v3.24.5 <<'GO'
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v3/process"
)

func init() { runtime.LockOSThread() } // main stays on the main thread, and nobody else gets it

func voluntary(id int32) int64 {
	n, err := (&process.Process{Pid: id}).NumCtxSwitches()
	if err != nil {
		panic(err)
	}
	return n.Voluntary
}

func main() {
	self := int32(os.Getpid())
	before := voluntary(self)
	var switched sync.WaitGroup
	for range 4 {
		switched.Add(1)
		go func() {
			runtime.LockOSThread()
			r, w, err := os.Pipe()
			if err != nil {
				panic(err)
			}
			r.Fd() // reads block from now on, and give the processor away
			go func() {
				for range 1000 {
					time.Sleep(200 * time.Microsecond)
					w.Write([]byte{0})
				}
			}()
			for range 1000 {
				if _, err := r.Read(make([]byte, 1)); err != nil {
					panic(err)
				}
			}
			switched.Done()
			select {} // its thread stays to be counted
		}()
	}
	switched.Wait()
	of := &process.Process{Pid: self}
	list, err := of.Threads()
	if err != nil {
		panic(err)
	}
	var sum int64
	for id := range list {
		sum += voluntary(id)
	}
	fmt.Println("the process says fewer than 100:", voluntary(self)-before < 100)
	fmt.Println("its threads say 4000 or more:", sum >= 4000)
}
GO
seen=$(./main.bin)
printf '%s\n' "$seen"
want='the process says fewer than 100: true
its threads say 4000 or more: true'
[ "$seen" = "$want" ] || { printf 'CHANGED, it was:\n%s\n' "$want"; exit 1; }
