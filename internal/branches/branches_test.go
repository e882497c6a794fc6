package branches

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const bank = `{"id":1,"type":"bank","balance":5},{"id":7,"type":"branch","balance":5}`

func customer(events string) string {
	return `{"id":1,"type":"customer","events":[` + events + `]}`
}

func TestReadVariants(t *testing.T) {
	deposit := Event{Kind: Deposit, Branch: 1, Amount: 3}
	for _, c := range []struct {
		name, text, target string
		want               []Customer
	}{
		{"own branch, no ids", `[` + customer(`{"interface":"deposit","money":3}`) + `,` + bank + `]`, "", []Customer{{1, []Event{deposit}}}},
		{"any case", `[` + bank + `,{"id":1,"type":"Customer","events":[{"interface":"DePosit","money":3}]}]`, "", []Customer{{1, []Event{deposit}}}},
		{
			"customer-requests", `[` + bank + `,{"id":1,"type":"customer","customer-requests":[{"customer-request-id":9,"interface":"query","money":-1.5}]}]`, "",
			[]Customer{{1, []Event{{ID: 9, Kind: Query, Branch: 1}}}},
		},
		{"dest", `[` + bank + `,` + customer(`{"interface":"query","dest":7}`) + `]`, "dest", []Customer{{1, []Event{{Kind: Query, Branch: 7}}}}},
		{
			"branch", `[` + bank + `,` + customer(`{"interface":"withdraw","money":9223372036854775807,"branch":7}`) + `]`, "branch",
			[]Customer{{1, []Event{{Kind: Withdraw, Branch: 7, Amount: 1<<63 - 1}}}},
		},
		{
			"the same customer, the same ids", `[` + customer(`{"id":4,"interface":"query"},{"id":4,"interface":"query"}`) + `,` + bank + `,` + customer(``) + `]`, "",
			[]Customer{{1, []Event{{4, Query, 1, 0}, {4, Query, 1, 0}}}, {1, []Event{}}},
		},
		{"no customer", "\ufeff[" + bank + "]\n", "", nil},
	} {
		in, err := Read(strings.NewReader(c.text))
		want := Input{[]Branch{{1, 5}, {7, 5}}, c.want, c.target}
		if err != nil || !reflect.DeepEqual(in, want) {
			t.Errorf("%s: %+v, %v; want %+v", c.name, in, err, want)
		}
	}
}

func TestReadMistakes(t *testing.T) {
	with := func(event string) string { return "[" + bank + ",\n" + customer(event) + "]" }
	for text, want := range map[string]string{
		with(`{"interface":"query"},`): `line 2, column 59: not JSON: a comma stands before this ']': remove the comma`,
		"":                             `line 1, column 1: not JSON: unexpected end of JSON input`,
		"[] []":                        `line 1, column 4: not JSON: invalid character '[' after top-level value`,
		`{"id":1}`:                     `line 1, column 1: the file is not an array: write [ … ]`,
		`[1]`:                          `line 1, column 2, [0]: not an object: write { … }`,
		`[{"id":1}]`:                   `line 1, column 2, [0]: type is missing`,
		`[{"id":1,"type":"bonk"}]`:     `line 1, column 17, [0].type: "bonk" is not one of customer, branch, bank`,
		`[` + bank + `,{"id":7,"type":"bank","balance":5}]`:                          `line 1, column 80, [2].id: branch 7 is there already, at line 1, column 43`,
		`[` + bank + `,{"id":8,"type":"bank","balance":6}]`:                          `line 1, column 106, [2].balance: branch 8 starts with 6 and branch 1 with 5: replicas of one account start equal`,
		`[{"id":1,"type":"bank","balance":-1}]`:                                      `line 1, column 34, [0].balance: -1 is not a whole number from 0 to 9223372036854775807, written in digits`,
		`[{"id":"1","type":"bank","balance":1}]`:                                     `line 1, column 8, [0].id: "1" is not a whole number from 1 to 2147483647, written in digits`,
		with(`{"interface":"transfer","money":1}`):                                   `line 2, column 50, [2].events[0].interface: "transfer" is not one of query, deposit, withdraw`,
		with(`{"interface":"deposit"}`):                                              `line 2, column 37, [2].events[0]: money is missing`,
		with(`{"interface":"deposit","money":0}`):                                    `line 2, column 68, [2].events[0].money: 0 is not a whole number from 1 to 9223372036854775807, written in digits`,
		with(`{"interface":"deposit","money":-3}`):                                   `line 2, column 68, [2].events[0].money: -3 is not a whole number from 1 to 9223372036854775807, written in digits`,
		with(`{"interface":"deposit","money":1.5}`):                                  `line 2, column 68, [2].events[0].money: 1.5 is not a whole number from 1 to 9223372036854775807, written in digits`,
		with(`{"interface":"deposit","money":9e99}`):                                 `line 2, column 68, [2].events[0].money: 9e99 is not a whole number from 1 to 9223372036854775807, written in digits`,
		with(`{"interface":"query","dest":2}`):                                       `line 2, column 65, [2].events[0].dest: there is no branch 2: the file has 2 branches`,
		with(`{"interface":"query","dest":1,"branch":1}`):                            `line 2, column 76, [2].events[0].branch: dest and branch mean the same: keep one`,
		with(`{"interface":"query","dets":1}`):                                       `line 2, column 65, [2].events[0].dets: an event has no field "dets", only id, customer-request-id, interface, money, dest, branch`,
		with(`{"interface":"query","dest":1,"dest":1}`):                              `line 2, column 74, [2].events[0].dest: "dest" is there twice in one object`,
		`[` + bank + `,{"id":3,"type":"customer","events":[{"interface":"query"}]}]`: `line 1, column 110, [2].events[0]: there is no branch 3, which is where customer 3 goes: add the branch, or a dest to the event`,
		`[` + bank + `,{"id":3,"type":"customer"}]`:                                  `line 1, column 74, [2]: events or customer-requests is missing`,
	} {
		_, err := Read(strings.NewReader(text))
		if place := new(Error); !errors.As(err, &place) || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestWrite(t *testing.T) {
	told := []Told{
		{1, []Answer{{Kind: Deposit, Branch: 1}, {Kind: Query, Branch: 2, Balance: 410}, {Kind: Withdraw, Branch: 2, Refused: "too little"}}},
		{2, nil},
	}
	for _, c := range []struct {
		format Format
		lines  bool
		want   string
	}{
		{Recv, false, `[{"id":1,"recv":[{"interface":"deposit","result":"success"},{"interface":"query","balance":410},` +
			`{"interface":"withdraw","result":"fail","reason":"too little"}]},` + "\n" + `{"id":2,"recv":[]}]` + "\n"},
		{Money, true, `{"id":1,"recv":[{"interface":"deposit","result":"success"},{"interface":"query","result":"success","money":410},` +
			`{"interface":"withdraw","result":"fail","reason":"too little"}]}` + "\n" + `{"id":2,"recv":[]}` + "\n"},
		{Balance, false, `[{"id":1,"balance":410},` + "\n" + `{"id":2,"balance":null}]` + "\n"},
		{Visits, true, `{"id":1,"recv":[{"interface":"deposit","branch":1,"result":"success"}]}` + "\n" +
			`{"id":1,"recv":[{"interface":"query","branch":2,"balance":410}]}` + "\n" +
			`{"id":1,"recv":[{"interface":"withdraw","branch":2,"result":"fail","reason":"too little"}]}` + "\n"},
	} {
		var out strings.Builder
		if err := Write(&out, c.format, c.lines, told); err != nil || out.String() != c.want {
			t.Errorf("%s: %v, got\n%s\nwant\n%s", c.format, err, out.String(), c.want)
		}
	}
	var out strings.Builder
	if err := Write(&out, Recv, false, nil); err != nil || out.String() != "[]\n" {
		t.Errorf("nothing is %q, %v", out.String(), err)
	}
	if err := Write(&out, "xml", false, nil); err == nil {
		t.Error("format xml is written")
	}
}

func TestHundred(t *testing.T) {
	file, err := os.Open("testdata/hundred.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	in, err := Read(file)
	if err != nil || len(in.Branches) != 100 || len(in.Customers) != 100 || in.Branches[0].Balance != 400 {
		t.Errorf("%d branches, %d customers, %v", len(in.Branches), len(in.Customers), err)
	}
}

// What is read is sound, and comes back from what it is written as.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"hundred", "writes", "reads"} {
		text, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(`[` + bank + `,{"id":1,"type":"customer","customer-requests":[{"customer-request-id":9,"interface":"QUERY","branch":7}]},]`)
	f.Fuzz(func(t *testing.T, text string) {
		in, err := Read(strings.NewReader(text))
		if err != nil {
			if place := new(Error); !errors.As(err, &place) || place.Line < 1 || place.Column < 1 {
				t.Fatalf("%v has no place", err)
			}
			return
		}
		again, err := Read(strings.NewReader(canonical(in)))
		if err != nil || !reflect.DeepEqual(again, in) {
			t.Fatalf("%+v comes back as %+v, %v", in, again, err)
		}
		for _, c := range in.Customers {
			for _, e := range c.Events {
				known := slices.ContainsFunc(in.Branches, func(b Branch) bool { return b.ID == e.Branch })
				if !known || e.Kind.Writes() != (e.Amount > 0) {
					t.Fatalf("%+v", e)
				}
			}
		}
	})
}

// canonical writes an input in one spelling.
func canonical(in Input) string {
	var records []string
	for _, b := range in.Branches {
		records = append(records, fmt.Sprintf(`{"type":"branch","id":%d,"balance":%d}`, b.ID, b.Balance))
	}
	for _, c := range in.Customers {
		var events []string
		for _, e := range c.Events {
			text := fmt.Sprintf(`{"id":%d,"interface":%q`, e.ID, e.Kind)
			if e.Kind.Writes() {
				text += fmt.Sprintf(`,"money":%d`, e.Amount)
			}
			if in.Target != "" {
				text += fmt.Sprintf(`,%q:%d`, in.Target, e.Branch)
			}
			events = append(events, text+"}")
		}
		records = append(records, fmt.Sprintf(`{"type":"customer","id":%d,"events":[%s]}`, c.ID, strings.Join(events, ",")))
	}
	return "[" + strings.Join(records, ",\n") + "]"
}
