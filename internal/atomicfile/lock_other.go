//go:build !unix

package atomicfile

import "os"

// Without flock, who updates a file at the same moment may lose to another.
func lockFile(*os.File) error { return nil }
