package rival

import (
	"context"
	"fmt"
	"os/exec"

	"dyno/systems"
)

// The roles that a system has which is measured beside rivals.
const (
	RoleServer = "rival"        // a server that others wrote
	RoleClient = "rival-client" // a program that loads it
	RoleLoader = "rival-loader" // what of ours loads it
)

// Roles are the two that trials of rivals need, whose programs are others'.
func Roles(system string) []systems.Role {
	return []systems.Role{Role(system, RoleServer), Role(system, RoleClient)}
}

// Role is a role that becomes another program, of a system's name. The server's
// output is its log; a client's is its answer.
func Role(system, role string) systems.Role {
	return systems.Role{Command: systems.Command{
		Name:    role,
		Args:    "PROGRAM...",
		Summary: "becomes a program that others wrote, for trials that measure it beside the system",
		Example: fmt.Sprintf("dyno %s %s -- redis-server --port 7001", system, role),
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			b := becoming{answers: role == RoleClient}
			fs.StringVar(&b.dir, "dir", ".", "folder in which it runs")
			fs.IntVar(&b.uid, "uid", -1, "user as whom it runs; -1: as this one")
			fs.IntVar(&b.gid, "gid", -1, "group of that user")
			return func(_ context.Context, sh systems.Shell) error {
				if len(sh.Args) == 0 {
					return systems.Usagef("%s: which program? Give it and its arguments after --", role)
				}
				path, err := exec.LookPath(sh.Args[0])
				if err != nil {
					return systems.Usagef("%s: %w", role, err)
				}
				return b.become(path, sh.Args)
			}
		},
	}}
}

// becoming is how a process turns into another program.
type becoming struct {
	dir      string
	uid, gid int  // -1: stay who we are
	answers  bool // standard output stays what it is; otherwise it goes to the log
}
