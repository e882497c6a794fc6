package role_test

import (
	"bytes"
	"strings"
	"testing"

	"dyno/internal/role"
	"dyno/systems/strife"
)

// What follows "--" is handed on as it stands: flags of the program that a role
// is to run are none of the role's.
func TestWordsBehindDashes(t *testing.T) {
	var out, errOut bytes.Buffer
	dir := t.TempDir()
	code := role.Main(strife.System)(t.Context(), []string{"strife", "rival", "--dir", dir, "--", "/no/such/program", "-c"}, strings.NewReader(""), &out, &errOut)
	if strings.Contains(errOut.String(), "flag provided but not defined") {
		t.Errorf("exit %d: %s", code, errOut.String())
	}
}
