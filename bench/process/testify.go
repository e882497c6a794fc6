package process

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"

	"dyno/internal/record"
)

// maxTestimony bounds what a process may say about its calls at its end.
const maxTestimony = 1 << 20

// testimony is the pipe to the parent for what this process counted; nil: no
// group started it, or it has been said.
var testimony struct {
	sync.Mutex
	pipe *os.File
}

// Testify tells the group that started this process what it counted beneath its
// own code. Whoever runs a role calls it when the role is over; later calls,
// and those in a process that no group started, do nothing. A process that is
// killed says nothing.
func Testify(c record.CallEvidence) {
	testimony.Lock()
	defer testimony.Unlock()
	if testimony.pipe == nil {
		return
	}
	// Of an error the parent learns by the end of the pipe.
	_ = json.NewEncoder(testimony.pipe).Encode(c)
	_ = testimony.pipe.Close()
	testimony.pipe = nil
}

// hear reads what a process says at its end. It returns once that has ended, or
// closed its side; nil when it said nothing.
func hear(pipe *os.File) (*record.CallEvidence, error) {
	defer pipe.Close()
	text, err := io.ReadAll(io.LimitReader(pipe, maxTestimony))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	c := new(record.CallEvidence)
	if err := json.Unmarshal(text, c); err != nil {
		return nil, fmt.Errorf("what it counted cannot be read: %w", err)
	}
	return c, nil
}
