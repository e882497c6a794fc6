package branches

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// Told is what the events of one record of a customer came to.
type Told struct {
	Customer int64
	Answers  []Answer
}

// Answer is what became of one event.
type Answer struct {
	Kind    Kind
	Branch  int64
	Refused string // why it did not happen; "" if it did
	Balance int64  // of a query that was answered
}

// Format is a shape of the output: which objects are written for a record.
type Format string

// The formats.
const (
	// Recv is {"id":1,"recv":[{"interface":"deposit","result":"success"},{"interface":"query","balance":410}]}.
	Recv Format = "recv"
	// Money is as Recv, but a query has a result, and its balance is called money.
	Money Format = "money"
	// Balance is {"id":1,"balance":410}: what the record's last query told; null without one.
	Balance Format = "balance"
	// Visits has an object for each event: {"id":1,"recv":[{"interface":"query","branch":2,"balance":400}]}.
	Visits Format = "visits"
)

// event is one event in an output.
type event struct {
	Interface Kind   `json:"interface"`
	Branch    int64  `json:"branch,omitempty"`
	Result    string `json:"result,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Balance   *int64 `json:"balance,omitempty"`
	Money     *int64 `json:"money,omitempty"`
}

type received struct {
	ID   int64   `json:"id"`
	Recv []event `json:"recv"`
}

type lastBalance struct {
	ID      int64  `json:"id"`
	Balance *int64 `json:"balance"`
}

// objects are what one record writes.
func (f Format) objects(t Told) []any {
	if f == Balance {
		last := lastBalance{ID: t.Customer}
		for _, a := range slices.Backward(t.Answers) {
			if a.Kind == Query && a.Refused == "" {
				last.Balance = &a.Balance
				break
			}
		}
		return []any{last}
	}
	events := make([]event, len(t.Answers))
	for i, a := range t.Answers {
		events[i] = f.event(a)
	}
	if f != Visits {
		return []any{received{t.Customer, events}}
	}
	all := make([]any, len(events))
	for i := range events {
		all[i] = received{t.Customer, events[i : i+1]}
	}
	return all
}

func (f Format) event(a Answer) event {
	e := event{Interface: a.Kind, Result: "success"}
	if f == Visits {
		e.Branch = a.Branch
	}
	switch {
	case a.Refused != "":
		e.Result, e.Reason = "fail", a.Refused
	case a.Kind == Query && f == Money:
		e.Money = &a.Balance
	case a.Kind == Query:
		e.Result, e.Balance = "", &a.Balance
	}
	return e
}

// Write writes what customers were told, in order, as an array with one object on
// each line, or as lines without the array.
func Write(w io.Writer, f Format, lines bool, told []Told) error {
	if !slices.Contains([]Format{Recv, Money, Balance, Visits}, f) {
		return fmt.Errorf("format %q is none of %s, %s, %s, %s", f, Recv, Money, Balance, Visits)
	}
	begin, between, end := "[", ",\n", "]\n"
	if lines {
		begin, between, end = "", "\n", "\n"
	}
	out := bufio.NewWriter(w) // keeps the first error
	_, _ = out.WriteString(begin)
	first := true
	for _, t := range told {
		for _, o := range f.objects(t) {
			text, err := json.Marshal(o)
			if err != nil {
				return err
			}
			if !first {
				_, _ = out.WriteString(between)
			}
			first = false
			_, _ = out.Write(text)
		}
	}
	if !first || !lines {
		_, _ = out.WriteString(end)
	}
	return out.Flush()
}
