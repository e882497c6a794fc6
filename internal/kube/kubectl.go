package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"dyno/internal/backoff"
)

const (
	look        = time.Second      // between two attempts, and two looks at the pods
	askTimeout  = 30 * time.Second // of one kubectl that asks
	perMiB      = time.Second      // more, of one that brings something
	tidyTimeout = 90 * time.Second // of the one that deletes
	tries       = 5                // in a row, of a call that fails: an API server may be away for a moment
	longCall    = 10 * time.Second // what lasted longer was cut, as proxies do with long calls, and has not failed
	afterAll    = time.Minute      // beyond the deadline of a run, for its results
)

// Cluster is reached by kubectl alone, with the rights of whoever calls it.
type Cluster struct {
	Kubectl string                           // program
	Logf    func(format string, args ...any) // one line at a time
	Said    io.Writer                        // what the runner says while it runs
	Attach  bool                             // somebody has created the run already
}

// Execute creates a run, waits until its machines have come, gives them their
// certificates, follows the run, unpacks its results into a folder, and deletes it,
// whatever happened. What is in the folder already goes on. A run that somebody
// follows already is only followed. It returns the runner's exit code.
func (c *Cluster) Execute(ctx context.Context, r Run, keys Keys, out string) (code int, err error) {
	if ours, err := c.create(ctx, r); err != nil {
		if ours {
			err = errors.Join(err, c.tidy(ctx, r))
		}
		return 0, err
	}
	ours := !c.Attach
	defer func() {
		if ours {
			err = errors.Join(err, c.tidy(ctx, r))
		}
	}()
	began := time.Now()
	parties, err := c.barrier(ctx, r)
	if err != nil {
		return 0, err
	}
	c.Logf("%d machines run after %v", r.Nodes, time.Since(began).Round(100*time.Millisecond))
	first, err := c.claim(ctx, r)
	if err != nil {
		return 0, err
	}
	if ours = first; first {
		err = c.equip(ctx, r, keys, parties, out)
	} else {
		c.Logf("%s is followed already: this one fetches its results, too, and deletes nothing (kubectl delete %s -l %s)",
			r.Name, kinds, r.Selector())
	}
	if err != nil {
		return 0, err
	}
	return c.collect(ctx, r, out)
}

// create creates a run, unless there is one: then what is there is another's.
func (c *Cluster) create(ctx context.Context, r Run) (ours bool, err error) {
	if c.Attach {
		return true, nil
	}
	there, err := c.ask(ctx, r, nil, "get", kinds, "-l", r.Selector(), "-o", "name")
	if err != nil {
		return false, err
	}
	if len(there) > 0 {
		return false, fmt.Errorf("a run is called %s already: %s; give another --name, or delete it: kubectl delete %s -l %s",
			r.Name, strings.Join(strings.Fields(string(there)), " "), kinds, r.Selector())
	}
	var manifest bytes.Buffer
	if err := r.Manifest(&manifest); err != nil {
		return false, err
	}
	made, err := c.ask(ctx, r, &manifest, "create", "-f", "-", "-o", "name")
	if err != nil && strings.Contains(err.Error(), "AlreadyExists") { // what is there may be another's; kubectl went on with the rest
		err = fmt.Errorf("something called %s is there already, and is left alone; give another --name: %w", r.Name, err)
		if some := strings.Fields(string(made)); len(some) > 0 {
			err = errors.Join(err, c.tidy(ctx, r, some...))
		}
		return false, err
	}
	return true, err
}

// kinds are all that a run consists of.
const kinds = "job,service,pod"

// ask runs kubectl and returns what it prints, even if it fails.
func (c *Cluster) ask(ctx context.Context, r Run, in io.Reader, words ...string) ([]byte, error) {
	limit := askTimeout
	if brought, ok := in.(*bytes.Reader); ok {
		limit += time.Duration(brought.Size()>>20) * perMiB
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := c.command(ctx, r, words...)
	cmd.Stdin = in
	var said bytes.Buffer
	cmd.Stderr = &said
	found, err := cmd.Output()
	if err != nil {
		return found, fmt.Errorf("kubectl %s: %w: %s", words[0], err, strings.TrimSpace(said.String()))
	}
	return found, nil
}

func (c *Cluster) command(ctx context.Context, r Run, words ...string) *exec.Cmd {
	if r.Namespace != "" {
		words = append([]string{"--namespace", r.Namespace}, words...)
	}
	cmd := exec.CommandContext(ctx, c.Kubectl, words...)
	cmd.WaitDelay = time.Second
	return cmd
}

// barrier waits until all machines and the runner run. When they do not in time, or
// cannot any more, each one that is absent is named with its reason.
func (c *Cluster) barrier(ctx context.Context, r Run) (parties map[string]string, err error) {
	failed := 0
	for limit := time.Now().Add(r.Patience); ; {
		found, err := c.ask(ctx, r, nil, "get", "pods", "-l", r.Selector(), "-o", "json")
		var here roll
		if err == nil {
			here, err = r.call(found)
		}
		left := time.Until(limit)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			if failed++; failed == tries || left <= 0 {
				return nil, err
			}
		case len(here.absent) == 0:
			return here.parties, nil
		case here.over || left <= 0:
			return nil, c.absence(ctx, r, here)
		default:
			failed = 0
		}
		_ = backoff.Sleep(ctx, min(look, left)) // the next look says that it has ended
	}
}

// absence says who has not come, and what the cluster says of the whole run.
func (c *Cluster) absence(ctx context.Context, r Run, last roll) error {
	text := fmt.Sprintf("%d of %d pods did not come within %v:", len(last.absent), r.Nodes+1, r.Patience)
	if last.over {
		text = fmt.Sprintf("%d of %d pods do not run, and one cannot come any more:", len(last.absent), r.Nodes+1)
	}
	for _, line := range last.absent {
		text += "\n  " + line
	}
	// Pods that do not even exist: a quota, or a queue.
	said, err := c.ask(ctx, r, nil, "get", "events", "--field-selector", "involvedObject.kind=Job,type=Warning,involvedObject.name="+r.Name,
		"-o", "jsonpath={range .items[*]}{.message}{\"\\n\"}{end}")
	if lines := strings.Split(strings.TrimSpace(string(said)), "\n"); err == nil && lines[len(lines)-1] != "" {
		text += "\n  the job: " + lines[len(lines)-1]
	}
	return errors.New(text)
}

// collect shows what the runner says until it is done, and unpacks its results. A
// call that breaks is made again: results stay in the pod until it is deleted.
func (c *Cluster) collect(ctx context.Context, r Run, out string) (code int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.Deadline+afterAll, fmt.Errorf("the run has not ended %v after its deadline", afterAll))
	defer cancel()
	follow, stop := context.WithCancel(ctx)
	logs := c.command(follow, r, "logs", "--follow", r.Runner())
	logs.Stdout, logs.Stderr = c.Said, c.Said
	if err := logs.Start(); err != nil {
		stop()
		return 0, err
	}
	defer func() {
		stop()
		_ = logs.Wait() // it was stopped
	}()
	for failed := 0; ; {
		began := time.Now()
		code, err = c.fetch(ctx, r, out)
		failed = inARow(failed, time.Since(began))
		switch {
		case err == nil || failed == tries:
			return code, err
		case ctx.Err() != nil:
			return code, errors.Join(err, context.Cause(ctx))
		}
		c.Logf("results cannot be fetched, trying again: %v", err)
		_ = backoff.Sleep(ctx, look) // the next call fails then, and is the last
	}
}

// inARow counts calls that failed, with one more that lasted so long.
func inARow(failed int, lasted time.Duration) int {
	if lasted > longCall {
		return 0
	}
	return failed + 1
}

// fetch waits for the end of the run and unpacks its results.
func (c *Cluster) fetch(ctx context.Context, r Run, out string) (int, error) {
	cmd := c.command(ctx, r, "exec", r.Runner(), "--", "/dyno", "results", "--wait", Out)
	var said bytes.Buffer
	cmd.Stderr = &said
	stream, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	code, unpacked := Unpack(stream, out)
	_ = stream.Close() // else kubectl waits for ever for somebody to read what cannot be unpacked
	if err := cmd.Wait(); err != nil {
		err = fmt.Errorf("kubectl exec %s: %w: %s", r.Runner(), err, strings.TrimSpace(said.String()))
		return 0, errors.Join(unpacked, err)
	}
	return code, unpacked
}

// tidy deletes the run, or some of its objects, also when the context has ended.
func (c *Cluster) tidy(ctx context.Context, r Run, some ...string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTimeout)
	defer cancel()
	what := "all that is labelled " + r.Selector()
	if len(some) > 0 {
		what = strings.Join(some, " ")
	} else {
		some = []string{kinds, "-l", r.Selector()}
	}
	cmd := c.command(ctx, r, slices.Concat([]string{"delete"}, some, []string{"--wait", "--ignore-not-found"})...)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s may still be there: kubectl delete: %w: %s", what, err, strings.TrimSpace(string(said)))
	}
	c.Logf("deleted: %s", what)
	return nil
}
