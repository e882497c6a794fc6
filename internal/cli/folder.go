package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"dyno/systems"
)

// folder is a flag's folder. An empty one is refused: it is most often a variable of
// a script that is not set, and to leave the flag out means the repository.
type folder string

func (f *folder) String() string { return string(*f) }

// Set implements pflag.Value.
func (f *folder) Set(text string) error {
	if text == "" {
		return errors.New("the name of the folder is empty: give one, or leave the flag out")
	}
	*f = folder(text)
	return nil
}

// Type implements pflag.Value: what help calls it.
func (*folder) Type() string { return "string" }

// outFolder is where results go, made and probed.
func outFolder(out, scale string) (string, error) {
	if out == "" {
		var err error
		if out, err = defaultOut(scale); err != nil {
			return "", err
		}
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", unwritable(out, err)
	}
	probe, err := os.CreateTemp(out, ".dyno-probe-*")
	if err != nil {
		return "", unwritable(out, err)
	}
	return out, errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// makeRoom makes the folder of a file that is to be written in the end; empty: none is.
func makeRoom(path string) error {
	if path == "" {
		return nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return errors.New("it is a folder: name a file")
	}
	return os.MkdirAll(filepath.Dir(path), 0o755)
}

func unwritable(dir string, err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("cannot write to folder %s: %w; choose another with --out", dir, err)
}

func defaultOut(scale string) (string, error) {
	if scale == "quick" {
		return filepath.Join("out", "quick"), nil
	}
	return repository()
}

// repository is the nearest folder above that holds this module.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if text, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && strings.HasPrefix(string(text), "module dyno\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", systems.Usagef("not inside dyno's repository: say where results go with --out DIR")
		}
		dir = parent
	}
}

// undrawn is the error of a run that measured everything, and whose report could not
// be drawn.
func (f *runFlags) undrawn(out string, err error) error {
	again := "dyno report"
	if f.out != "" || f.scale == "quick" { // else it is where dyno report looks
		again += " --out " + out
	}
	return fmt.Errorf("the report could not be drawn: %w\nAll that was measured is stored in %s; once this is mended, draw it: %s", err,
		filepath.Join(out, "results"), again)
}
