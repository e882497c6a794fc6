package wait

import "dyno/internal/backoff"

// Backoff spaces the attempts to reach something that is away.
type Backoff = backoff.Backoff
