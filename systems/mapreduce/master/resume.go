package master

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"dyno/internal/journal"
	"dyno/internal/node/host"
	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/core/plan"
)

// open makes the folders and opens the journal; with --force it first removes
// what an earlier job has left.
func (m *master) open(ctx context.Context) error {
	l := m.config.Layout()
	if m.config.Force {
		if err := m.clear(ctx); err != nil {
			return err
		}
	}
	if err := l.Make(); err != nil {
		return err
	}
	err := journal.Patiently(ctx, func() (err error) {
		m.core = plan.NewCore(m.begin)
		m.host, _, err = host.Open(m.core, host.Options[plan.Output]{
			Dir: l.Journal(), Journal: journal.Options{Identity: m.config.Identity(), Segment: journalSegment},
			Send: m.carry,
		})
		return err
	})
	if other, ok := errors.AsType[*journal.IdentityError](err); ok {
		return fmt.Errorf("the unfinished job in %s is another one (%s; now %s): its command line or its input was different; --force starts "+
			"anew", m.config.Out, other.Got, other.Want)
	}
	if err == nil && m.core.Err() != nil {
		err = errors.Join(m.core.Err(), m.host.Close())
	}
	if err != nil {
		return err
	}
	m.host.View(func(time.Duration) { m.mapping = m.core.Planner().Left(plan.Map) > 0 })
	close(m.opened)
	return nil
}

// clear removes the scratch folder of a job that nobody works on any more.
func (m *master) clear(ctx context.Context) error {
	l := m.config.Layout()
	if _, err := os.Stat(l.Journal()); err == nil {
		var j *journal.Journal
		err := journal.Patiently(ctx, func() (err error) {
			j, _, err = journal.Open(l.Journal(), journal.Options{Identity: m.config.Identity()}, func(journal.Entry) error { return nil })
			return err
		})
		if errors.Is(err, journal.ErrLocked) {
			return fmt.Errorf("another master is at work in %s", m.config.Out)
		}
		if err == nil {
			err = j.Close()
		}
		m.log.Debug("replacing a job", "journal", l.Journal(), "error", err) // of another identity, or damaged: it goes
	}
	return l.Remove()
}

// begin makes up its mind from what earlier lives have left.
func (m *master) begin(past plan.Past) (plan.Life, plan.Config, []plan.Record) {
	m.id = newJobID()
	boot := bootID()
	rebooted := false
	if n := len(past.Lives); n > 0 {
		m.id = past.Lives[n-1].Job
		rebooted = past.Lives[n-1].Boot != boot
	}
	s := m.config
	records := m.usable(past, rebooted)
	if len(records) > 0 {
		m.log.Info("resuming", "job", m.id, "records", len(records))
	}
	return plan.Life{Job: m.id, Boot: boot}, plan.Config{
		Maps: len(m.splits), Reduces: s.Reduces(),
		Survives: !s.Stream(),
		Lease:    s.Lease, Backups: s.On(config.KnobBackups), Quiet: quietBeats * s.Lease / config.LeaseBeats, Slow: slowFactor, MinAge: minAge,
		Failures: maxFailures, Skips: maxSkips, Losses: maxLosses,
	}, records
}

// usable are the records whose files are still there: those of a machine that
// was started anew may not be, for only outputs were synced.
func (m *master) usable(past plan.Past, rebooted bool) []plan.Record {
	var out []plan.Record
	for _, r := range past.Records {
		if r.Kind == plan.TaskDone && !m.there(r, rebooted) && !past.Published {
			continue
		}
		out = append(out, r)
	}
	return out
}

// there says whether a finished task's files are as it left them.
func (m *master) there(r plan.Record, rebooted bool) bool {
	result := &mapreducev1.Result{}
	if err := proto.Unmarshal(r.Result, result); err != nil {
		return false
	}
	if r.Task.Phase == plan.Reduce {
		info, err := os.Stat(m.config.Layout().StagedOutput(r.Task.Index))
		return err == nil && info.Size() == result.GetCounters().GetOutputBytes()
	}
	if rebooted {
		return false
	}
	for x, bytes := range result.GetRunBytes() {
		info, err := os.Stat(config.RunPath(result.GetDir(), m.id, r.Task.Index, x))
		if err != nil || info.Size() != bytes {
			return false
		}
	}
	return true
}

// journalSegment is small: most jobs write a few hundred records.
const journalSegment = 256 << 10

// bootID names this run of the machine; empty where nothing does.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// newJobID names a job unlike any other, so that runs of several in one folder
// do not meet.
func newJobID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails, says package rand
	return hex.EncodeToString(b[:])
}
