package systems

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Where the history of a trial lies in its bundle.
const (
	historyDir  = "history"
	historyFile = "history.json"
)

// KeepHistory leaves what a trial's verdict rests on in its bundle, for
// [System].Judge.
func KeepHistory(b Bench, history any) error {
	dir, err := b.Dir(historyDir)
	if err != nil {
		return err
	}
	text, err := json.Marshal(history)
	if err != nil {
		return fmt.Errorf("the history cannot be kept: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, historyFile), append(text, '\n'), 0o644)
}

// ReadHistory reads what [KeepHistory] left in a bundle.
func ReadHistory(bundle string, history any) error {
	path := filepath.Join(bundle, historyDir, historyFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the trial left no history at %s: it ended before there was one", path)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, history); err != nil {
		return fmt.Errorf("the history at %s cannot be read; it may have been cut: %w", path, err)
	}
	return nil
}
