package sample_test

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"dyno/bench/sample"
)

// A process that has ended and was not waited for is still listed, with the
// times that it had: sampled, it would be a service that costs nothing.
func TestEndedProcessIsRefused(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stat := "/proc/" + strconv.Itoa(cmd.Process.Pid) + "/stat"
	for limit := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(stat)
		if err != nil || time.Now().After(limit) {
			t.Fatalf("it did not become a zombie: %s, %v", text, err)
		}
		if bytes.Contains(text, []byte(") Z ")) {
			break
		}
	}
	s, err := sample.Start(t.Context(), []sample.Target{{Name: "service", PID: cmd.Process.Pid}}, 0)
	if err == nil {
		s.Stop()
	}
	if err == nil || !strings.Contains(err.Error(), "it has ended") {
		t.Errorf("%v; want it refused", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
