package menu_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dyno/systems/standby/menu"
)

// openTerminal makes a pseudo-terminal: what is written to keyboard is typed, and
// what is shown is read from it.
func openTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skip("there are no pseudo-terminals here:", err)
	}
	keyboard = os.NewFile(uintptr(fd), "/dev/ptmx")
	t.Cleanup(func() { _ = keyboard.Close() })
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return keyboard, terminal
}

// user sits before a terminal.
type user struct {
	t        *testing.T
	keyboard *os.File
	seen     bytes.Buffer // since the last await
}

// await reads the screen until a text has come, and returns what came with it.
func (u *user) await(text string) string {
	u.t.Helper()
	for !strings.Contains(u.seen.String(), text) {
		buf := make([]byte, 1024)
		n, err := u.keyboard.Read(buf)
		if err != nil {
			u.t.Fatalf("waiting for %q: %v; the screen shows %q", text, err, u.seen.String())
		}
		u.seen.Write(buf[:n])
	}
	before, after, _ := strings.Cut(u.seen.String(), text)
	u.seen.Reset()
	u.seen.WriteString(after)
	return before + text
}

func (u *user) press(keys string) {
	u.t.Helper()
	if _, err := u.keyboard.WriteString(keys); err != nil {
		u.t.Fatal(err)
	}
}

// On a terminal the answer stays until a key is pressed, any key and without
// Enter; only then is the screen cleared and the menu shown again.
func TestTerminal(t *testing.T) {
	keyboard, terminal := openTerminal(t)
	b := &fakeBank{accounts: map[string]int64{"2": 300}}
	key := menu.KeyOf(terminal, terminal)
	if key == nil {
		t.Fatal("a terminal is taken for something else")
	}
	ended := make(chan error, 1)
	go func() { ended <- menu.Run(t.Context(), menu.Screen{In: terminal, Out: terminal, Key: key}, b) }()
	u := &user{t: t, keyboard: keyboard}
	const clear = "\x1b[2J"
	for _, c := range []struct{ answer, key string }{
		{"Current balance: 290", "x"}, {"Current balance: 280", " "}, {"Current balance: 270", "\x1b[A"}, {"Current balance: 260", "\r"},
	} {
		u.await("Your choice: ")
		u.press("2\n")
		u.await("Enter your account ID: ")
		u.press("2\n")
		u.await("Enter amount your want to withdraw: ")
		u.press("10\n")
		if before := u.await(c.answer) + u.await("Press any key to go on"); strings.Contains(before, clear) {
			t.Fatalf("cleared before anybody could read it: %q", before)
		}
		awaitUncooked(t, terminal)
		u.press(c.key)
		u.await(clear)
		u.await("Welcome to Distributed Bank!")
	}
	u.await("Your choice: ")
	u.press("4\n")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// awaitUncooked waits until a key needs no Enter, as a person would have.
func awaitUncooked(t *testing.T, terminal *os.File) {
	t.Helper()
	for {
		mode, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		if mode.Lflag&unix.ICANON == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// An interrupt while a key is awaited leaves the terminal as it was.
func TestTerminalInterrupted(t *testing.T) {
	keyboard, terminal := openTerminal(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	screen := menu.Screen{In: terminal, Out: terminal, Key: menu.KeyOf(terminal, terminal)}
	go func() { ended <- menu.Run(ctx, screen, &fakeBank{}) }()
	u := &user{t: t, keyboard: keyboard}
	u.await("Your choice: ")
	u.press("1\n")
	u.await("Enter your account ID: ")
	u.press("7\n")
	u.await("Account not found")
	awaitUncooked(t, terminal)
	cancel()
	<-ended
	if mode, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS); err != nil || mode.Lflag&unix.ICANON == 0 || mode.Lflag&unix.ECHO == 0 {
		t.Errorf("%+v, %v", mode, err)
	}
}

func TestNoTerminal(t *testing.T) {
	_, terminal := openTerminal(t)
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if menu.KeyOf(file, terminal) != nil || menu.KeyOf(terminal, file) != nil || menu.KeyOf(&bytes.Buffer{}, terminal) != nil {
		t.Error("taken for a terminal")
	}
}
