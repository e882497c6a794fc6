package confine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// public are the folders in which everybody may write: each room has its own.
var public = []string{"/tmp", "/var/tmp", "/dev/shm"}

// publicSize bounds them.
const publicSize = "size=256m"

// Command prepares a program in a room of its own. When its context ends, or when
// the program does, everything in the room ends. It must be started by [Run]. exe
// is a program that calls [Begin] with the arguments after those in before.
func Command(ctx context.Context, exe string, before []string, program ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, exe, append(before, program...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid: true, Pdeathsig: syscall.SIGKILL,
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC,
	}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return cmd
}

// Run runs a command that [Command] prepared.
func Run(cmd *exec.Cmd) error {
	runtime.LockOSThread() // whose end would end the room
	defer runtime.UnlockOSThread()
	err := cmd.Run()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSPC) {
		return &ErrUnsupported{fmt.Sprintf("a room was refused (%v)", err)}
	}
	return err
}

// Begin sets up the room that the process is the first in, and becomes the
// program. needed are files and folders that stay where they are.
func Begin(needed []string, program []string) error {
	if os.Getpid() != 1 {
		return errors.New("this is not the first process of a room")
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts of its own: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("/proc of its own: %w", err)
	}
	for _, dir := range public {
		if err := replace(dir, needed); err != nil {
			return fmt.Errorf("%s of its own: %w", dir, err)
		}
	}
	if err := loopback(); err != nil {
		return fmt.Errorf("a network of its own: %w", err)
	}
	return become(program, os.Environ())
}

// replace puts an empty folder in the place of one, in which only what is needed
// is where it was.
func replace(dir string, needed []string) error {
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	var kept []string
	for _, path := range needed {
		if !below(dir, path) {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		kept = append(kept, path, fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, publicSize+",mode=1777"); err != nil {
		return err
	}
	for i := 0; i < len(kept); i += 2 {
		if err := bind(kept[i+1], kept[i]); err != nil {
			return err
		}
	}
	return nil
}

// bind makes a file or folder appear at a path.
func bind(from, path string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	folder := path
	if !info.IsDir() {
		folder = filepath.Dir(path)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if !info.IsDir() {
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			return err
		}
	}
	return unix.Mount(from, path, "", unix.MS_BIND, "")
}

// below reports whether a path is a folder or in it.
func below(dir, path string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// loopback brings the room's own network up: 127.0.0.1 and nothing else.
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}

// Become limits the process for good and becomes the program.
func Become(l Limits, program []string) error {
	runtime.LockOSThread() // credentials and the death signal are a thread's
	null, err := os.OpenFile(os.DevNull, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	if err := unix.Dup3(int(null.Fd()), 0, 0); err != nil { // what dyno has there is not for others
		return err
	}
	if l.UID > 0 {
		if err := own(l, program[1:]); err != nil {
			return err
		}
	}
	for resource, n := range map[int]uint64{
		unix.RLIMIT_DATA: uint64(l.Memory), unix.RLIMIT_NPROC: uint64(l.Processes), unix.RLIMIT_FSIZE: uint64(l.File), unix.RLIMIT_CORE: 0,
	} {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: n, Max: n}); err != nil {
			return fmt.Errorf("limit %d: %w", resource, err)
		}
	}
	if err := os.Chdir(l.Home); err != nil {
		return err
	}
	if l.UID > 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(l.UID), syscall.Setuid(l.UID)); err != nil {
			return fmt.Errorf("user %d: %w", l.UID, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil { // another user has none
		return err
	}
	return become(program, append(os.Environ(), "HOME="+l.Home, "TMPDIR="+l.Home))
}

// own gives the user the folders that arguments name below the room, made where
// they are missing.
func own(l Limits, args []string) error {
	for _, a := range args {
		if _, value, ok := strings.Cut(a, "="); ok {
			a = value
		}
		if !filepath.IsAbs(a) || !below(l.Room, filepath.Clean(a)) {
			continue
		}
		if info, err := os.Stat(a); err == nil && !info.IsDir() {
			continue // an address or an input: to be read
		}
		if err := os.MkdirAll(a, 0o755); err != nil {
			return err
		}
		if err := Give(a, l.UID); err != nil {
			return err
		}
	}
	return nil
}

// Give makes a user the owner of a folder and all in it.
func Give(dir string, uid int) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, uid)
	})
}

func become(program, env []string) error {
	path, err := exec.LookPath(program[0])
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", path, syscall.Exec(path, program, env))
}
