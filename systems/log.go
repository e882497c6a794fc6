package systems

import (
	"io"
	"log/slog"
	"os"
)

// How lines of logs are written, and from which level on: the flags --log-format and
// --log-level of dyno set them, and every process that it starts has them too.
const (
	LogFormatVar = "DYNO_LOG_FORMAT" // text or json; left out: text
	LogLevelVar  = "DYNO_LOG_LEVEL"  // debug, info, warn or error; left out: info
)

// LogFormats and LogLevels are what these may be.
var (
	LogFormats = Choice{"text", "json"}
	LogLevels  = Choice{"debug", "info", "warn", "error"}
)

// Log is what a role or a command logs with, on the shell's standard error.
func (sh Shell) Log() *slog.Logger { return NewLog(sh.Err) }

// NewLog is a log as the environment says.
func NewLog(w io.Writer) *slog.Logger {
	var o slog.HandlerOptions
	var level slog.Level
	if level.UnmarshalText([]byte(os.Getenv(LogLevelVar))) == nil {
		o.Level = level
	}
	if os.Getenv(LogFormatVar) == "json" {
		return slog.New(slog.NewJSONHandler(w, &o))
	}
	return slog.New(slog.NewTextHandler(w, &o))
}
