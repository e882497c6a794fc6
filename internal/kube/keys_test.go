package kube

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Whose claim is there first follows first, whether a call breaks before the pod has
// it (deaf) or after (mute).
func TestOneFollowsFirst(t *testing.T) {
	for _, breaks := range []string{"deaf", "mute"} {
		t.Run(breaks, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			stand, err := filepath.Abs(filepath.Join("testdata", "kubectl"))
			if err := errors.Join(err, os.Symlink(stand, filepath.Join(dir, "kubectl"))); err != nil {
				t.Fatal(err)
			}
			c, r := &Cluster{Kubectl: filepath.Join(dir, "kubectl")}, Run{Name: "sweep"}
			for i, call := range []string{breaks, breaks, ""} {
				if call != "" {
					if err := os.WriteFile(filepath.Join(dir, call), nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if first, err := c.claim(t.Context(), r); err != nil || first != (i == 0) {
					t.Errorf("follower %d is the first: %v, %v", i, first, err)
				}
			}
		})
	}
}
