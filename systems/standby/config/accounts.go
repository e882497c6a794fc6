package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"dyno/internal/atomicfile"
)

// MaxID bounds an account's id, in bytes.
const MaxID = 64

// AccountsExample is what a file of accounts looks like, its line breaks as
// semicolons.
const AccountsExample = `"1, 100; 2, 300"`

// ReadAccounts reads a file with a line "account-id, balance" for each account,
// or the JSON object {"acct1": 100, "acct2": 200}, in any kind of quotes.
// Balances are whole numbers from 0 to 2^63-1, ids what [CheckID] lets pass.
// Blank lines do not count.
func ReadAccounts(path string) (map[string]int64, error) {
	s, err := read(path, AccountsExample)
	if err != nil {
		return nil, err
	}
	return s.accounts()
}

// ParseAccounts reads the text of a file, which the name stands for in errors.
func ParseAccounts(name string, text []byte) (map[string]int64, error) {
	return newSource(name, text).accounts()
}

func (s source) accounts() (map[string]int64, error) {
	if strings.HasPrefix(strings.TrimSpace(string(s.text)), "{") {
		return s.objectOfAccounts()
	}
	out, lines := map[string]int64{}, map[string]int{}
	n := 0
	for text := range strings.Lines(string(s.text)) {
		n++
		if strings.TrimSpace(text) == "" {
			continue
		}
		id, balance, err := account(text)
		if err != nil {
			return nil, s.errorf(n, "%w", err)
		}
		if first, twice := lines[id]; twice {
			return nil, s.errorf(n, "account %q comes again; it is on line %d already", id, first)
		}
		out[id], lines[id] = balance, n
	}
	return out, nil
}

// account reads one line.
func account(line string) (id string, balance int64, err error) {
	id, text, found := strings.Cut(line, ",")
	id, text = strings.TrimSpace(id), strings.TrimSpace(text)
	if !found {
		return "", 0, fmt.Errorf(`%.80q is not "account-id, balance"`, strings.TrimSpace(line))
	}
	if err := CheckID(id); err != nil {
		return "", 0, err
	}
	balance, err = amount(text)
	return id, balance, err
}

// amount reads a balance.
func amount(text string) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("balance %.80q is not a whole number from 0 to %d", text, int64(math.MaxInt64))
	}
	return int64(n), nil
}

// CheckID refuses what cannot be an account's id: it has 1 to [MaxID] bytes, of
// letters, digits, and - _ .
func CheckID(id string) error {
	odd := strings.IndexFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("-_.", r)
	})
	if id == "" || len(id) > MaxID || odd >= 0 {
		return fmt.Errorf("account id %.80q is not 1 to %d letters, digits, '-', '_' and '.'", id, MaxID)
	}
	return nil
}

// quotes are those that word processors and other languages put around keys.
var quotes = strings.NewReplacer("‘", `"`, "’", `"`, "“", `"`, "”", `"`, "'", `"`)

func (s source) objectOfAccounts() (map[string]int64, error) {
	s.text = []byte(quotes.Replace(string(s.text)))
	out := map[string]int64{}
	err := s.object(func(m member) error {
		if err := CheckID(m.key); err != nil {
			return s.errorf(m.line, "%w", err)
		}
		number, ok := m.value.(json.Number)
		if !ok {
			return s.errorf(m.line, "balance of %q is %v, want a whole number", m.key, m.value)
		}
		balance, err := amount(number.String())
		if err != nil {
			return s.errorf(m.line, "%w", err)
		}
		out[m.key] = balance
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// FormatAccounts writes a line for each account: numbers by their value, then
// the other ids in the order of their bytes. Equal accounts give equal texts.
func FormatAccounts(accounts map[string]int64) []byte {
	var b bytes.Buffer
	for _, id := range slices.SortedFunc(maps.Keys(accounts), compareIDs) {
		b.WriteString(id)
		b.WriteString(", ")
		b.Write(strconv.AppendInt(b.AvailableBuffer(), accounts[id], 10))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// compareIDs orders 2 before 10, and both before acct1.
func compareIDs(a, b string) int {
	x, errA := strconv.ParseUint(a, 10, 64)
	y, errB := strconv.ParseUint(b, 10, 64)
	switch {
	case errA == nil && errB == nil:
		return cmp.Or(cmp.Compare(x, y), cmp.Compare(a, b)) // 7 and 07 are two accounts
	case errA == nil:
		return -1
	case errB == nil:
		return 1
	}
	return cmp.Compare(a, b)
}

// WriteAccounts replaces a file of accounts: whoever reads it finds the old
// content or the new one, whole, also after a kill or a power cut at any moment.
// A file has one writer, which begins with [atomicfile.Sweep].
func WriteAccounts(path string, accounts map[string]int64) error {
	return atomicfile.Write(path, FormatAccounts(accounts))
}
