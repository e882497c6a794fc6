package ssh

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"dyno/bench/process"
)

// Program is a file that agents need on their machine.
type Program struct {
	Name string // there
	Path string // here
	Sum  string // SHA-256, in hexadecimal
	Size int64
}

// Programs are dyno itself and those beside it that it has.
func Programs() ([]Program, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	out := []Program{{Name: "dyno", Path: exe}}
	for _, p := range []Program{
		{Name: "dyno-role", Path: process.Slim()}, {Name: "dyno-large", Path: process.Large()}, {Name: "dyno-whole", Path: process.Whole()},
	} {
		if p.Path != "" && p.Path != exe {
			out = append(out, p)
		}
	}
	for i := range out {
		if err := out[i].measure(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p *Program) measure() error {
	f, err := os.Open(p.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	p.Size, err = io.Copy(h, f)
	p.Sum = hex.EncodeToString(h.Sum(nil))
	return err
}

// Folder is where the programs lie on a host, below its cache.
func Folder(programs []Program) string {
	h := sha256.New()
	for _, p := range programs {
		fmt.Fprintln(h, p.Name, p.Sum)
	}
	return "dyno/" + hex.EncodeToString(h.Sum(nil))[:32]
}

// mark begins what the script says: a login shell may print anything before.
const mark = "dyno-agent: "

// scriptHead finds the folder.
const scriptHead = `set -e
d="${XDG_CACHE_HOME:-$HOME/.cache}/%s"
mkdir -p "$d"
`

// scriptProgram asks for a program that is not there, and takes it in whole or not
// at all.
const scriptProgram = `if [ ! -x "$d/%[1]s" ]; then
	t="$d/.%[1]s.$$"
	trap 'rm -f "$t"' EXIT
	echo "%[2]swant %[1]s"
	head -c %[3]d >"$t"
	echo "%[4]s  $t" | sha256sum -c >/dev/null
	chmod 755 "$t"
	mv -f "$t" "$d/%[1]s"
fi
`

// script is what becomes the agent on a host.
func (h Host) script(programs []Program) string {
	var b strings.Builder
	fmt.Fprintf(&b, scriptHead, Folder(programs))
	for _, p := range programs {
		fmt.Fprintf(&b, scriptProgram, p.Name, mark, p.Size, p.Sum)
	}
	fmt.Fprintf(&b, "echo '%sgo'\nexec \"$d/dyno\" agent --stdio --advertise %s\n", mark, h.Advertise)
	return b.String()
}
