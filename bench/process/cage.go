package process

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// What a program that stands in for a role may use at most, beside
// [Options].Tasks. One that behaves needs a hundredth of it.
const (
	MaxResident = 2 << 30 // bytes of memory
	MaxFile     = 1 << 30 // bytes of each of its files
)

const (
	cageEvery = 100 * time.Millisecond // between two looks at all of that
	cageBound = 10 * time.Second       // for the last of them to be gone
)

// cageVar marks the programs that stand in for roles, and what they start: in
// their environment stands whose they are.
const cageVar = "DYNO_CAGE"

// cage holds the programs of a group that stand in for roles. A process of theirs
// that leaves its process group, or is left behind by its parent, is found by the
// mark, or by the control group where there is one. Should dyno itself be killed,
// the warden, a shell that outlives it, looks for the mark.
type cage struct {
	mark   string
	tasks  *Dir // control group that counts tasks; nil: none can be made here
	before int  // tasks of the machine when the first program was started
	most   int  // tasks
	lives  int
	warden *exec.Cmd
	line   interface{ Close() error } // the warden waits for its end
	over   chan struct{}
}

// wardenScript kills all that bear a mark, once nobody writes to it any more.
const wardenScript = `cat >/dev/null
for pass in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	found=$(grep -lsF "` + cageVar + `=$1" /proc/[0-9]*/environ | cut -d/ -f3)
	[ -z "$found" ] && exit 0
	kill -9 $found 2>/dev/null
done`

// enter opens the cage for another life. The caller starts processes one at a
// time.
func (g *Group) enter() (mark string, err error) {
	g.caging.Lock()
	defer g.caging.Unlock()
	if g.cage == nil {
		c := &cage{mark: strconv.FormatInt(now(), 36), before: allTasks(), most: g.opts.Tasks, over: make(chan struct{})}
		c.tasks = taskGroup(c.most)
		if err := c.appoint(); err != nil {
			return "", fmt.Errorf("the warden of programs that stand in for roles: %w", err)
		}
		g.cage = c
		go g.guard(c)
	}
	g.cage.lives++
	return g.cage.mark + "-" + strconv.Itoa(g.cage.lives) + ".", nil
}

// appoint starts the warden.
func (c *cage) appoint() error {
	c.warden = exec.Command("/bin/sh", "-c", wardenScript, "warden", c.mark+"-")
	c.warden.SysProcAttr = aloof()
	line, err := c.warden.StdinPipe()
	if err != nil {
		return err
	}
	c.line = line
	return c.warden.Start()
}

// door is what the shell does before it becomes the program.
func (c *cage) door() string {
	if c == nil || c.tasks == nil {
		return ""
	}
	return "echo $$ >" + filepath.Join(c.tasks.Path, "cgroup.procs") + "; "
}

// guard looks after the limits until the group is closed.
func (g *Group) guard(c *cage) {
	tick := time.NewTicker(cageEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.over:
			return
		case <-tick.C:
		}
		g.mu.Lock()
		children := append([]*child(nil), g.children...)
		g.mu.Unlock()
		for _, child := range children {
			if problem := child.excess(c); problem != "" {
				g.cancel(child.failure(problem, nil))
				_ = child.strike(killSignal)
			}
		}
	}
}

// excess says which limit a program has passed; empty: none.
func (c *child) excess(in *cage) string {
	c.mu.Lock()
	over := c.over
	c.mu.Unlock()
	if over || !c.member.stands() {
		return ""
	}
	if n := resident(c.PID()); n > MaxResident {
		return fmt.Sprintf("was stopped: it used %d MiB of memory, %d are allowed", n>>20, MaxResident>>20)
	}
	if n := in.crowd(); n >= in.most {
		return fmt.Sprintf("was stopped: the programs that stand in for roles had %d processes and threads, %d are allowed", n, in.most)
	}
	return ""
}

// crowd is how many tasks the cage holds. To look for the mark everywhere takes a
// while, so that is done only if the machine has so many more than before.
func (c *cage) crowd() int {
	if c.tasks != nil {
		return countTasks(c.tasks.Path)
	}
	if allTasks() < c.before+c.most {
		return 0
	}
	return len(marked(c.mark + "-"))
}

// vacate ends all that a mark finds.
func (c *cage) vacate(mark string, all bool) error {
	find := func() []int {
		found := marked(mark)
		if all && c.tasks != nil {
			found = append(found, inGroup(c.tasks.Path)...)
		}
		return found
	}
	for end := time.Now().Add(cageBound); ; time.Sleep(time.Millisecond) {
		found := find()
		if len(found) == 0 {
			return nil
		}
		// Who is stopped starts no others: first all of them stand still.
		for _, s := range []signalNumber{stopSignal, killSignal} {
			for _, pid := range found {
				sendSignal(pid, s)
			}
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d processes of programs that stood in for roles are not gone after %v: pids %s", len(found), cageBound,
				strings.Trim(fmt.Sprint(found), "[]"))
		}
	}
}

// close ends whatever is left, and the warden.
func (c *cage) close() error {
	if c == nil {
		return nil
	}
	close(c.over)
	err := c.vacate(c.mark+"-", true)
	_ = c.line.Close()
	defer time.AfterFunc(cageBound, func() { _ = c.warden.Process.Kill() }).Stop()
	_ = c.warden.Wait() // it finds nothing
	if c.tasks != nil {
		_ = c.tasks.Release() // else the next run does
	}
	return err
}
