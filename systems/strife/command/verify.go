package command

import (
	"context"
	"fmt"
	"strings"

	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/strife/books"
	"dyno/systems/strife/check"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/security"
	"dyno/systems/strife/server"
	"dyno/systems/strife/site"
)

// audit is what verify found.
type audit struct {
	Valid     bool     `json:"valid"`
	Damage    []string `json:"damage"`
	Paid      int      `json:"paid"`
	Declined  int      `json:"declined"`
	Cancelled int      `json:"cancelled"`
	Postings  int      `json:"records"`
	Starts    int      `json:"gateway_starts"`
	InDoubt   int      `json:"in_doubt"`
	Torn      []string `json:"torn_ends"`
	Absent    []string `json:"never_ran"`
	Checks    []string `json:"checks"`
}

func verifyCommand() systems.Command {
	return systems.Command{
		Name: "verify", Summary: "audits every journal of a deployment, whether it runs or not",
		Example: "dyno strife verify --dir bank.d",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			w := &who{user: "auditor"}
			fs.StringVar(&w.dir, "dir", "", "`DIR` of the deployment, as given to init")
			fs.BoolVar(&w.json, "json", false, "print JSON")
			return func(_ context.Context, sh systems.Shell) error {
				if err := w.check(); err != nil {
					return err
				}
				a := auditOf(w.site())
				if err := w.print(sh.Out, a, "%s", a.text()); err != nil {
					return err
				}
				if !a.Valid {
					return &systems.ExitError{Code: 1}
				}
				return nil
			}
		},
	}
}

// auditOf reads and judges all journals of a folder.
func auditOf(dir site.Dir) audit {
	b, err := books.Read(dir)
	a := audit{Damage: []string{}, Torn: []string{}, Absent: []string{}, Checks: []string{}}
	if err != nil {
		a.Damage = append(a.Damage, strings.Split(err.Error(), "\n")...)
	}
	if b == nil {
		return a
	}
	a.Paid, a.Declined, a.Cancelled = b.Count(coordinator.Paid), b.Count(coordinator.Declined), b.Count(coordinator.Cancelled)
	a.Postings, a.Starts, a.InDoubt = b.Records, b.Starts(), b.InDoubt()
	a.Torn, a.Absent = append(a.Torn, b.Torn...), append(a.Absent, b.Absent...)
	if err == nil {
		for _, c := range check.Checks(b.Evidence) {
			a.Checks = append(a.Checks, c.Name)
			if c.Status == record.Invalid {
				a.Damage = append(a.Damage, c.Name+": "+c.Detail)
			}
		}
	}
	for _, p := range parties(dir) {
		if _, err := security.ScanAudit(dir.Audit(p), server.Identity(p, "audit"), func(security.Event) {}); err != nil {
			a.Damage = append(a.Damage, fmt.Sprintf("the audit of %v: %v", p, err))
		}
	}
	a.Valid = len(a.Damage) == 0
	return a
}

// parties are the servers that have run.
func parties(dir site.Dir) (out []security.Party) {
	setup, err := dir.ReadGateway()
	if err != nil {
		return nil
	}
	all := []security.Party{security.TheGateway}
	for _, name := range setup.Banks {
		all = append(all, security.Party{Role: security.Bank, Name: name})
	}
	return all
}

func (a audit) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d payments paid, %d declined, %d cancelled; %d records; the gateway was started %d times\n",
		a.Paid, a.Declined, a.Cancelled, a.Postings, a.Starts)
	if a.InDoubt > 0 {
		fmt.Fprintf(&b, "%d transactions at banks have no outcome on disk: they are in doubt, or their abort was not written yet\n", a.InDoubt)
	}
	for _, t := range a.Torn {
		fmt.Fprintf(&b, "the end of the journal of %s was torn by a crash: it was never acknowledged\n", t)
	}
	for _, n := range a.Absent {
		fmt.Fprintf(&b, "%s never ran\n", n)
	}
	for _, d := range a.Damage {
		fmt.Fprintf(&b, "DAMAGE: %s\n", d)
	}
	if a.Valid {
		fmt.Fprintf(&b, "no damage: %s\n", strings.Join(a.Checks, ", "))
	}
	return b.String()
}
