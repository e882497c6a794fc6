package failpoint

import "testing"

// A point that is misspelt must not pass for one that was survived.
func TestArm(t *testing.T) {
	for text, ok := range map[string]bool{
		"": true, "gateway.after-commit:1": true, "bank.after-yes:20": true,
		"gateway.after-commit": false, "gateway.after-comit:1": false, "gateway.after-commit:0": false, "gateway.after-commit:x": false, ":1": false,
	} {
		t.Setenv(Variable, text)
		if err := Arm(); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
		armed.Store(nil)
	}
	t.Setenv(Variable, AfterCommit+":3")
	if err := Arm(); err != nil || !Armed(AfterCommit) || Armed(BeforeCommit) {
		t.Errorf("%v, %v", err, armed.Load())
	}
	Hit(BeforeCommit) // another point
	Hit(AfterCommit)
	Hit(AfterCommit)
	if left := armed.Load().left.Load(); left != 1 {
		t.Errorf("%d passings are left, want one", left)
	}
	armed.Store(nil)
	Hit(AfterCommit)
}
