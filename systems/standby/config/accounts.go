package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"dyno/internal/atomicfile"
	"dyno/systems"
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

// source is a file's text and its name, for errors.
type source struct {
	name string
	text []byte
}

// read reads a file whole.
func read(path, example string) (source, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		missing := missingError(fmt.Sprintf("%s: there is no such file; write one, for example %s", path, example))
		return source{}, &systems.UsageError{Err: missing}
	}
	if err != nil {
		return source{}, systems.Usagef("%w", err)
	}
	return newSource(path, text), nil
}

// missingError says that a file is not there.
type missingError string

func (e missingError) Error() string { return string(e) }

// Is makes it [fs.ErrNotExist].
func (missingError) Is(target error) bool { return target == fs.ErrNotExist }

// newSource leaves out a byte order mark.
func newSource(name string, text []byte) source {
	return source{name, bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))}
}

// errorf is a mistake in a line, counted from 1.
func (s source) errorf(line int, format string, args ...any) error {
	return systems.Usagef("%s:%d: %w", s.name, line, fmt.Errorf(format, args...))
}

// lineAt is the number of the line that holds the byte before an offset.
func (s source) lineAt(offset int64) int {
	return 1 + bytes.Count(s.text[:max(0, min(int(offset)-1, len(s.text)))], []byte("\n"))
}

// member is one pair of a JSON object, and the line that its value ends on.
type member struct {
	key   string
	value json.Token
	line  int
}

// object walks a JSON object of simple values. A key that comes twice is an
// error, as is anything after the object.
func (s source) object(visit func(member) error) error {
	d := json.NewDecoder(bytes.NewReader(s.text))
	d.UseNumber()
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return s.malformed(d, err, "it does not begin with {")
	}
	seen := map[string]int{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return s.malformed(d, err, "")
		}
		value, err := d.Token()
		if err != nil {
			return s.malformed(d, err, "")
		}
		m := member{key.(string), value, s.lineAt(d.InputOffset())} // keys are strings, or the decoder complains
		if first, twice := seen[m.key]; twice {
			return s.errorf(m.line, "%q comes again; it is on line %d already", m.key, first)
		}
		seen[m.key] = m.line
		if err := visit(m); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return s.malformed(d, err, "")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return s.malformed(d, nil, "there is more after the object")
	}
	return nil
}

// malformed says where a text stops being a JSON object.
func (s source) malformed(d *json.Decoder, err error, why string) error {
	offset := d.InputOffset()
	rest := s.text[offset:]
	offset += int64(len(rest) - len(bytes.TrimLeft(rest, " \t\r\n")))
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		offset, why = int64(len(s.text))-1, "it ends too early"
	case err != nil:
		why = err.Error()
	}
	return s.errorf(s.lineAt(offset+1), "not a JSON object: %s", why)
}
