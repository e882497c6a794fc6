package experiments

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"dyno/internal/record"
	"dyno/systems"
)

// bundleFile is what a bundle says of its trial.
const bundleFile = "trial.json"

// leave completes a bundle: the logs and folders of a trial lie there already.
func leave(dir string, t *record.Trial) error {
	return writeJSON(filepath.Join(dir, bundleFile), t)
}

// Check judges the trial of a bundle again, by what it left there. What is no
// bundle, or cannot be judged again, is a usage error.
func (c Catalog) Check(dir string) (was *record.Trial, now record.Verdict, err error) {
	text, err := os.ReadFile(filepath.Join(dir, bundleFile))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, now, systems.Usagef("%s is no bundle: it holds no %s; give a folder below results/raw", dir, bundleFile)
	}
	if err != nil {
		return nil, now, err
	}
	was = new(record.Trial)
	if err = json.Unmarshal(text, was); err == nil && was.ID == "" {
		err = errors.New("it has no id")
	}
	if err != nil {
		return nil, now, systems.Usagef("%s is no trial: %w", filepath.Join(dir, bundleFile), err)
	}
	sys, err := c.system(was.System)
	if err != nil {
		return nil, now, systems.Usagef("bundle %s: %w", dir, err)
	}
	if sys.Judge == nil {
		return nil, now, systems.Usagef("bundle %s: %s cannot judge a trial again; dyno replay %s runs it again", dir, sys.Name, was.ID)
	}
	now, err = sys.Judge(dir)
	return was, now, err
}
