// Package failpoint kills a server at a chosen point of its protocol, as
// SIGKILL does: nothing is flushed, nothing is said; or has its disk fail. The environment variable
// DYNO_FAILPOINT names the point and at which passing of it, from 1:
//
//	DYNO_FAILPOINT=gateway.after-commit:1
package failpoint

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"dyno/internal/journal"
)

// Variable is the environment variable.
const Variable = "DYNO_FAILPOINT"

// The points, in the order in which a payment passes them. Those at the gateway
// come once for each payment, but for the acks: one for each bank.
const (
	PayReceived   = "gateway.pay-received"   // before any bank is asked
	PrepareToOne  = "gateway.prepare-to-one" // one of two banks was asked
	BeforeVotes   = "gateway.before-votes"   // all were asked, and the first vote is not taken in
	BeforeCommit  = "gateway.before-commit"  // all votes are yes, and nothing is written
	CommitWritten = "gateway.commit-written" // written, and not synced
	AfterCommit   = "gateway.after-commit"   // synced, and nobody was told
	CommitToOne   = "gateway.commit-to-one"  // one of two banks was told
	Ack           = "gateway.ack"            // a bank has acknowledged; nothing says so yet
	AfterDecline  = "gateway.after-decline"  // synced, and nobody was told
	Recovering    = "gateway.recovering"     // while the journal is read
	BeforePrepare = "bank.before-prepared"   // asked, and nothing is written
	AfterPrepare  = "bank.after-prepared"    // synced, and no vote was sent
	AfterYes      = "bank.after-yes"         // the vote was sent
	BeforeCommitB = "bank.before-committed"  // told to commit, and nothing is written
	AfterCommitB  = "bank.after-committed"   // synced, and not acknowledged
	AfterAbort    = "bank.after-abort"       // the hold is released, and nothing is written
)

// Points of the disk, at which nobody is killed: the server must end by itself. The
// count is of files made and pieces written, or of syncs, since the start.
const (
	DiskFull = "disk.full"  // no room for it, nor for anything later
	DiskFail = "disk.fails" // the sync fails
)

// All are the points at which a server is killed.
var All = []string{
	PayReceived, PrepareToOne, BeforeVotes, BeforeCommit, CommitWritten, AfterCommit, CommitToOne, Ack, AfterDecline, Recovering,
	BeforePrepare, AfterPrepare, AfterYes, BeforeCommitB, AfterCommitB, AfterAbort,
}

var ofDisk = []string{DiskFull, DiskFail}

// armed is the point at which this process dies; nil: at none.
var armed atomic.Pointer[point]

type point struct {
	name string
	left atomic.Int64
}

// Arm reads the environment. A point that is not known is an error: a test that
// never dies would pass.
func Arm() error {
	text, ok := os.LookupEnv(Variable)
	if !ok || text == "" {
		return nil
	}
	known := slices.Concat(All, ofDisk)
	name, count, ok := strings.Cut(text, ":")
	n, err := strconv.ParseInt(count, 10, 32)
	if !ok || err != nil || n < 1 || !slices.Contains(known, name) {
		return fmt.Errorf("%s=%q: want NAME:COUNT, a count from 1, NAME one of %s", Variable, text, strings.Join(known, ", "))
	}
	p := &point{name: name}
	p.left.Store(n)
	armed.Store(p)
	return nil
}

// Armed reports whether this process is to die at a point.
func Armed(name string) bool {
	p := armed.Load()
	return p != nil && p.name == name
}

// Hit passes a point.
func Hit(name string) {
	if p := armed.Load(); p != nil && p.name == name && p.left.Add(-1) == 0 {
		die()
	}
}

// settle is how long what was handed to another goroutine for sending has.
const settle = 100 * time.Millisecond

// HitSent passes a point at which something must have left before.
func HitSent(name string) {
	if p := armed.Load(); p != nil && p.name == name && p.left.Add(-1) == 0 {
		time.Sleep(settle)
		die()
	}
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // until it arrives
}

// Disk is where a server's journal lies: on a disk that misbehaves, if a point of
// it is armed; else nil, for the machine's.
func Disk() journal.FS {
	if Armed(CommitWritten) || Armed(DiskFull) || Armed(DiskFail) {
		return disk{journal.OS}
	}
	return nil
}

// committing says that a commit record is on its way to the disk.
var committing atomic.Bool

// Committing tells the disk that what is written next has a commit record.
func Committing() { committing.Store(true) }

// spent reports whether a point was passed often enough, now or before.
func spent(name string) bool {
	p := armed.Load()
	return p != nil && p.name == name && p.left.Add(-1) <= 0
}

type disk struct{ journal.FS }

// Create implements [journal.FS].
func (d disk) Create(name string, size int64) (journal.File, error) {
	if spent(DiskFull) {
		return nil, fmt.Errorf("create %s: %w", name, syscall.ENOSPC)
	}
	f, err := d.FS.Create(name, size)
	return file{f, name}, err
}

// Open implements [journal.FS].
func (d disk) Open(name string, write bool) (journal.File, error) {
	f, err := d.FS.Open(name, write)
	return file{f, name}, err
}

type file struct {
	journal.File
	name string
}

// WriteAt implements [io.WriterAt].
func (f file) WriteAt(b []byte, at int64) (int, error) {
	if spent(DiskFull) {
		return 0, fmt.Errorf("write %s: %w", f.name, syscall.ENOSPC)
	}
	return f.File.WriteAt(b, at)
}

// Sync implements [journal.File].
func (f file) Sync() error {
	if committing.Load() {
		Hit(CommitWritten)
	}
	if spent(DiskFail) {
		return fmt.Errorf("sync %s: %w", f.name, syscall.EIO)
	}
	return f.File.Sync()
}
