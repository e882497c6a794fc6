package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// topDir is FS_TOPDIR_FL of linux/fs.h, what chattr +T sets.
const topDir = 0x20000

// Spread asks the file system to place the folders within a folder apart from
// each other. It is a hint: where it is not known, nothing happens.
//
// A job makes and then removes maps × reduces small files. ext4 without a
// journal does not use the place of a removed file again for 35 seconds, and
// searches past all of them each time a file is made nearby: 3200 files took
// 2 s of system time after a few jobs, and 0.08 s in a folder apart.
func Spread(name string) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil {
		return nil // a file system without flags
	}
	_ = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags|topDir)) // nor this one
	return nil
}
