package cli

import (
	"errors"

	"github.com/agnivade/levenshtein"

	"dyno/systems"
)

// suggestion names the allowed word nearest to a wrong one, as a clause to be
// added to the error, or nothing when none is near.
func suggestion(err error) string {
	var choice *systems.ChoiceError
	if !errors.As(err, &choice) {
		return ""
	}
	best, distance := "", len(choice.Word)/2+2
	for _, w := range choice.Allowed {
		if d := levenshtein.ComputeDistance(choice.Word, w); d < distance {
			best, distance = w, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}
