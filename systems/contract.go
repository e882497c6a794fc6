package systems

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Own is the label of the roles that dyno itself has, beside those of
// implementations.
const Own = "dyno"

// Impl says which commands stand in for roles: by role, as a shell reads them.
type Impl map[string]string

// String is the form of the flag, roles in order.
func (i Impl) String() string {
	var parts []string
	for _, role := range slices.Sorted(maps.Keys(i)) {
		parts = append(parts, role+"="+i[role])
	}
	return strings.Join(parts, " ")
}

// Type is what help calls the flag's value.
func (i Impl) Type() string { return "ROLE=COMMAND" }

// Set implements flag.Value: ROLE=COMMAND, given once for each role.
func (i Impl) Set(text string) error {
	role, command, ok := strings.Cut(text, "=")
	if role, command = strings.TrimSpace(role), strings.TrimSpace(command); !ok || role == "" || command == "" {
		return Usagef("%q is not ROLE=COMMAND, such as branch=\"python3 branch.py\"", text)
	}
	if _, twice := i[role]; twice {
		return Usagef("role %s is given twice", role)
	}
	i[role] = command
	return nil
}

// Stands says whether a command stands in for a role in a trial: then nothing is
// known of it but what its contract says.
func (s Setting) Stands(role string) bool { return s.Impl[role] != "" }

// Open are the roles that a program can stand in for.
func (s *System) Open() []string {
	var open []string
	for _, r := range s.Roles {
		if r.Probe != "" {
			open = append(open, r.Name)
		}
	}
	return open
}

// Admit refuses commands for roles that the system does not have, or that
// nothing can stand in for.
func (s *System) Admit(i Impl) error {
	open := s.Open()
	for role := range i {
		if len(open) == 0 {
			return Usagef("%s has no role that another program can stand in for", s.Name)
		}
		if !slices.Contains(open, role) {
			return Usagef("--impl: role %w of %s", &ChoiceError{Word: role, Allowed: open}, s.Name)
		}
	}
	return nil
}

// CheckCell refuses what could not measure what it says, commands that stand in for
// roles included.
func (s *System) CheckCell(set Setting, v Values) error {
	if err := s.Admit(set.Impl); err != nil {
		return err
	}
	if s.Check == nil {
		return nil
	}
	return s.Check(set, v)
}

// ImplHelp says what a flag --impl does.
var ImplHelp = fmt.Sprintf("`ROLE=COMMAND`: the bench starts COMMAND in place of that role, with the same flags; once for each role "+
	"(docs/contract says what it must do; %q is the label of dyno's own roles)", Own)
