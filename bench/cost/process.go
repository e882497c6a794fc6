package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// server is an echo server in a process of its own, on one processor.
type server struct {
	cmd  *exec.Cmd
	addr string
}

func serve(ctx context.Context, program string) (*server, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	s := &server{cmd: exec.CommandContext(ctx, program, "echo", "server", "--listen", "127.0.0.1:0")}
	s.cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "DYNO_ANNOUNCE=3") // as package process does
	s.cmd.ExtraFiles = []*os.File{write}
	err = s.cmd.Start()
	_ = write.Close() // the server has its own
	if err != nil {
		return nil, fmt.Errorf("%w (make build makes it)", err)
	}
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("%s did not say where it listens: %w", program, err)
	}
	s.addr = strings.TrimSpace(line)
	return s, nil
}

func (s *server) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // killed
}

type usage struct{ cpuMs, residentMiB float64 }

// usage is what the server has used of the processor, and its resident memory.
func (s *server) usage() (u usage, err error) {
	proc := fmt.Sprintf("/proc/%d", s.cmd.Process.Pid)
	threads, err := filepath.Glob(proc + "/task/*/schedstat")
	if err != nil {
		return u, err
	}
	for _, t := range threads {
		text, err := os.ReadFile(t)
		if err != nil {
			return u, err
		}
		ns, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
		if err != nil {
			return u, err
		}
		u.cpuMs += ns / 1e6
	}
	text, err := os.ReadFile(proc + "/statm")
	if err != nil {
		return u, err
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(text))[1], 64)
	u.residentMiB = pages * float64(os.Getpagesize()) / (1 << 20)
	return u, err
}

// told is what a generator says of itself.
type told struct {
	CPUSeconds float64 `json:"cpu_s"`
	Window     struct {
		OK float64 `json:"ok"`
	} `json:"window"`
	Digests struct {
		Lag struct {
			Quantiles struct {
				P99 float64 `json:"p99"`
			} `json:"quantiles_ns"`
		} `json:"lag"`
	} `json:"digests"`
}

// perCall is the CPU time per answered call, in µs.
func (t told) perCall() float64 { return t.CPUSeconds * 1e6 / t.Window.OK }

// late is how late 1 of 100 requests of an open loop was sent, in ns.
func (t told) late() float64 { return t.Digests.Lag.Quantiles.P99 }

// generate runs a generator.
func generate(ctx context.Context, command []string) (got told, err error) {
	out, err := output(ctx, command...)
	if err != nil {
		return got, err
	}
	if err := json.Unmarshal(out, &got); err != nil || got.Window.OK == 0 {
		return got, fmt.Errorf("%s: no calls in %.200q (%w)", command[0], out, err)
	}
	return got, nil
}

// output runs a program on one processor.
func output(ctx context.Context, command ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	return cmd.Output()
}
