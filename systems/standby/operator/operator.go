// Package operator is what an operator types: status and accept-loss.
package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems"
	"dyno/systems/standby/client"
)

// Commands are the operator's.
func Commands() []systems.Command {
	return []systems.Command{
		{
			Name:    "status",
			Summary: "says of both servers what they are and how far",
			Example: "dyno standby status --config serverhost.config",
			Setup:   setupStatus,
		},
		{
			Name:    "accept-loss",
			Summary: "serves those again who have seen actions that are lost for good",
			Example: "dyno standby accept-loss --config serverhost.config",
			Setup:   setupAcceptLoss,
		},
	}
}

// line is what is told of a server.
type line struct {
	Name     string   `json:"name"`
	Addr     string   `json:"addr"`
	Error    string   `json:"error,omitempty"` // it does not answer; then the rest is missing
	Role     string   `json:"role,omitempty"`  // recovering, standby, primary
	Epoch    uint64   `json:"epoch,omitempty"`
	Action   uint64   `json:"action"`   // the last that it has applied
	Durable  uint64   `json:"durable"`  // and that it has on disk
	Shipped  uint64   `json:"shipped"`  // of a primary: and that the other has durably
	Checksum string   `json:"checksum"` // over all actions
	Lease    string   `json:"lease,omitempty"`
	Alone    bool     `json:"alone"` // of a primary: acknowledges without the other
	Accounts uint32   `json:"accounts"`
	Lost     []string `json:"lost,omitempty"`    // actions, by epoch
	Refuses  string   `json:"refuses,omitempty"` // why it does not follow
}

func newLine(s client.Status) line {
	l := line{Name: s.Name, Addr: s.Addr}
	if s.Err != nil {
		l.Error = client.Reason(s.Err)
		return l
	}
	st := s.Status
	l.Role = strings.ToLower(strings.TrimPrefix(st.GetRole().String(), "ROLE_"))
	l.Epoch, l.Action, l.Durable, l.Shipped = st.GetEpoch(), st.GetAction(), st.GetDurable(), st.GetShipped()
	l.Checksum = fmt.Sprintf("%016x", st.GetChecksum())
	l.Alone, l.Accounts, l.Refuses = st.GetAlone(), st.GetAccounts(), st.GetRefuses()
	if us := st.GetLeaseUs(); us > 0 {
		l.Lease = (time.Duration(us) * time.Microsecond).Round(time.Millisecond).String()
	}
	for _, lost := range st.GetLost() {
		l.Lost = append(l.Lost, describe(lost))
	}
	return l
}

func describe(l *standbyv1.Lost) string {
	text := fmt.Sprintf("%d to %d of epoch %d", l.GetFirst(), l.GetLast(), l.GetEpoch())
	if l.GetAccepted() {
		text += ", accepted"
	}
	return text
}

func setupStatus(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	dial := client.Bind(fs)
	asJSON := fs.Bool("json", false, "print JSON")
	return func(ctx context.Context, sh systems.Shell) error {
		bank, err := dial()
		if err != nil {
			return err
		}
		defer bank.Close()
		var lines []line
		answered := false
		for _, s := range bank.Status(ctx) {
			lines = append(lines, newLine(s))
			answered = answered || s.Err == nil
		}
		if *asJSON {
			e := json.NewEncoder(sh.Out)
			e.SetIndent("", "  ")
			err = e.Encode(lines)
		} else {
			err = show(sh.Out, lines)
		}
		if err == nil && !answered {
			err = errors.New("neither server answers")
		}
		return err
	}
}

// show prints a table, and below it what needs a person's attention.
func show(w io.Writer, lines []line) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var notes []string
	fmt.Fprintln(t, "server\taddress\trole\tepoch\taction\tdurable\tshipped\tlease\taccounts\tchecksum")
	for _, l := range lines {
		if l.Error != "" {
			fmt.Fprintf(t, "%s\t%s\tno answer\t-\t-\t-\t-\t-\t-\t-\n", l.Name, l.Addr)
			notes = append(notes, fmt.Sprintf("%s does not answer: %s", l.Name, l.Error))
			continue
		}
		shipped, lease := "-", "-"
		if l.Role == "primary" {
			shipped, lease = fmt.Sprint(l.Shipped), l.Lease
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\t%d\t%s\n",
			l.Name, l.Addr, l.Role, l.Epoch, l.Action, l.Durable, shipped, lease, l.Accounts, l.Checksum)
		if l.Alone {
			notes = append(notes, l.Name+" is alone: what it acknowledges is on one disk only")
		}
		if l.Refuses != "" {
			notes = append(notes, fmt.Sprintf("%s does not follow: %s", l.Name, l.Refuses))
		}
		for _, lost := range l.Lost {
			notes = append(notes, fmt.Sprintf("%s: lost actions %s", l.Name, lost))
		}
	}
	err := t.Flush()
	for _, n := range notes {
		fmt.Fprintln(w, n)
	}
	return err
}

func setupAcceptLoss(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	dial := client.Bind(fs)
	return func(ctx context.Context, sh systems.Shell) error {
		bank, err := dial()
		if err != nil {
			return err
		}
		defer bank.Close()
		lost, err := bank.AcceptLoss(ctx)
		if err != nil {
			return err
		}
		for _, l := range lost {
			fmt.Fprintf(sh.Out, "accepted: actions %d to %d of epoch %d are lost\n", l.GetFirst(), l.GetLast(), l.GetEpoch())
		}
		return nil
	}
}
