package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"dyno/systems"
)

func (a *app) init() *cobra.Command {
	return &cobra.Command{
		Use:   "init SYSTEM [FILE.yaml]",
		Short: "Write an experiment file of your own, with a system's knobs and metrics as comments",
		Long: `Writes an experiment file that runs as it stands: a few cells, a plot, a table, and all
knobs and metrics of the system as comments. Without a FILE it is SYSTEM-mine.yaml here; - is
standard output. A file that is there is left alone.

For a service of your own, dyno target init ADDR looks at it while it runs.`,
		Example: `  dyno init lookaside
  dyno init strife timeouts.yaml && dyno run timeouts.yaml --dry-run
  dyno init mapreduce - | less`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return systems.Usagef("%s wants a system and perhaps a file, such as lookaside mine.yaml; got %d words", c.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			file := args[0] + "-mine.yaml"
			if len(args) == 2 {
				file = args[1]
			}
			return a.writeSkeleton(args[0], file)
		},
	}
}

func (a *app) writeSkeleton(system, file string) error {
	name := system + "-mine"
	if file != "-" {
		stem, ok := strings.CutSuffix(filepath.Base(file), ".yaml")
		if !ok {
			return systems.Usagef("dyno init: %q does not end in .yaml, as experiment files do", file)
		}
		name = stem
	}
	if system == "target" {
		return systems.Usagef("dyno init: what target measures is a service of yours: dyno target init ADDR looks at it and writes the file")
	}
	text, err := a.catalog.Skeleton(system, name)
	if err != nil {
		return err
	}
	if file == "-" {
		_, err := fmt.Fprint(a.out, text)
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return systems.Usagef("dyno init: %s is there already: name another file, or remove it", file)
	}
	if err != nil {
		return systems.Usagef("dyno init: %w", err)
	}
	if _, err := f.WriteString(text); err != nil {
		return errors.Join(err, f.Close(), os.Remove(file))
	}
	if err := f.Close(); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s\nnext: dyno run %s --scale quick --out out/%s\n", file, file, name)
	return nil
}
