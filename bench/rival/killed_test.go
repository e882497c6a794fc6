package rival

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dyno/systems"
)

// hold starts all kinds of servers, says which processes there are, and waits.
var hold = systems.Command{Name: "hold", Summary: "holds servers", Example: "dyno toy hold", Setup: func(systems.FlagSet) func(context.Context, systems.Shell) error {
	return func(ctx context.Context, sh systems.Shell) error {
		ctx, b, end, err := sh.Bench(ctx, systems.Setting{})
		if err != nil {
			return err
		}
		defer end()
		r, err := Open(b)
		if err != nil {
			return err
		}
		defer r.Close()
		primary, err := r.Redis(ctx, "primary", RedisOptions{})
		if err != nil {
			return err
		}
		pgs, err := r.Postgres(ctx, nil, "cluster")
		if err != nil {
			return err
		}
		all := []int{primary.PID(), pgs[0].PID()}
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pgs[0].PID()))
		for _, list := range lists {
			text, err := os.ReadFile(list)
			if err != nil {
				return err
			}
			for f := range strings.FieldsSeq(string(text)) {
				pid, _ := strconv.Atoi(f)
				all = append(all, pid)
			}
		}
		if err := errors.Join(primary.Pause(), json.NewEncoder(sh.Out).Encode(all)); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}
}}

// When dyno is killed no server stays, whatever it is doing and whoever it runs as.
func TestKilledDyno(t *testing.T) {
	for _, s := range []Software{redisServer, postgres} {
		if _, err := s.Find(); err != nil {
			t.Skip(err)
		}
	}
	dyno := exec.CommandContext(t.Context(), os.Args[0], "toy", "hold")
	dyno.Stderr = os.Stderr
	out, err := dyno.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := dyno.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var pids []int
	if err := errors.Join(err, json.Unmarshal(line, &pids)); err != nil || len(pids) < 5 {
		_ = dyno.Process.Kill()
		t.Fatalf("%q, %v", line, err)
	}
	_ = dyno.Process.Kill()
	_ = dyno.Wait()
	deadline := time.Now().Add(20 * time.Second)
	for _, pid := range pids {
		for alive(pid) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d of %v is still there", pid, pids)
			}
			time.Sleep(5 * time.Millisecond) // nobody tells of the end of another's child
		}
	}
}

// alive says whether a process is there that has not ended.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
