package experiments

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"dyno/internal/record"
	"dyno/systems"
)

// minimal is the least that can be measured; its last line is its sweep.
const minimal = `name: toy-rates
title: Rates
question: Which is fastest?
system: toy
load: {loop: closed}
scales:
  full: {blocks: 1, length: 200ms, warmup: 0s}
  deep: {blocks: 1, length: 200ms, warmup: 0s}
core: [{clients: [1]}]
`

// What YAML would read into something else than it says, or pass over, is an
// error that names the line and what is allowed.
func TestReadIsStrict(t *testing.T) {
	const core, full = "core: [{clients: [1]}]", "  full: {blocks: 1, length"
	for name, c := range map[string]struct {
		old, new string
		want     []string
	}{
		"knob twice in a sweep":      {core, "core: [{clients: [1], clients: [2]}]", []string{":9:", `"clients" is given twice`}},
		"knob twice over two lines":  {core, "core:\n- clients: [1]\n  pause: [1s]\n  clients: [2]", []string{":12:", `"clients" is given twice`, "line 10"}},
		"knob twice under knobs":     {"load:", "knobs: {pause: 1s, 'pause': 2s}\nload:", []string{":5:", `"pause" is given twice`}},
		"scale twice":                {"  deep:", "  full: {blocks: 2, length: 1s}\n  deep:", []string{":8:", `"full" is given twice`, "line 7"}},
		"key twice in a filter":      {core, core + "\ntables: [{name: a, title: A, columns: [rate_rps], where: {clients: [1], clients: [1]}}]", []string{":10:", "twice"}},
		"empty level":                {core, "core:\n- clients:\n  - 1\n  -\n  - 4", []string{":12:", "item 2 of knob clients", "empty"}},
		"empty level in a row":       {core, "core: [{clients: [1, , 4]}]", []string{":9:"}},
		"null level":                 {core, "core: [{clients: [1, null]}]", []string{":9:", "item 2", "empty"}},
		"tilde level":                {core, "core: [{clients: [1, ~]}]", []string{":9:", "item 2", "empty"}},
		"empty list of levels":       {core, "core: [{clients: []}]", []string{":9:", "[10, 100]"}},
		"levels left out":            {core, "core: [{clients: }]", []string{":9:", "empty"}},
		"level outside a list":       {core, "core: [{clients: 10}]", []string{":9:", "[10]"}},
		"list as a level":            {core, "core: [{clients: [[1, 2]]}]", []string{":9:", "not a list"}},
		"empty sweep":                {core, "core:\n- clients: [1]\n-", []string{":11:", "item 2 of core", "empty"}},
		"sweep of nothing":           {core, "core: [{}]", []string{":9:", "maps knobs"}},
		"empty item of figures":      {core, core + "\nfigures:\n-", []string{":11:", "item 1 of figures", "empty"}},
		"figures left out":           {core, core + "\nfigures:", []string{":10:", "figures", "empty"}},
		"empty knob":                 {"load:", "knobs: {pause: }\nload:", []string{":5:", "pause", "empty"}},
		"empty scale":                {"  deep: {blocks: 1, length: 200ms, warmup: 0s}", "  deep:", []string{":8:", "deep", "empty"}},
		"empty filter":               {core, core + "\ntables: [{name: a, title: A, columns: [rate_rps], where: {clients: []}}]", []string{":10:", "no level"}},
		"fraction of a block":        {full, "  full: {blocks: 2.9, length", []string{":7:", "2.9 is not a whole number"}},
		"whole fraction":             {full, "  full: {blocks: 2.0, length", []string{":7:", "2.0 is not a whole number"}},
		"octal blocks":               {full, "  full: {blocks: 010, length", []string{":7:", "010 is not a whole number"}},
		"new octal blocks":           {full, "  full: {blocks: 0o10, length", []string{":7:", "0o10"}},
		"hexadecimal blocks":         {full, "  full: {blocks: 0x10, length", []string{":7:", "0x10"}},
		"binary blocks":              {full, "  full: {blocks: 0b11, length", []string{":7:", "0b11"}},
		"exponent blocks":            {full, "  full: {blocks: 1e3, length", []string{":7:", "1e3"}},
		"grouped blocks":             {full, "  full: {blocks: 1_0, length", []string{":7:", "1_0"}},
		"quoted blocks":              {full, "  full: {blocks: '2', length", []string{":7:", "quotes"}},
		"true blocks":                {full, "  full: {blocks: true, length", []string{":7:", "true is not a whole number"}},
		"blocks of no int":           {full, "  full: {blocks: 99999999999999999999, length", []string{":7:", "99999999999999999999"}},
		"empty blocks":               {full, "  full: {blocks: , length", []string{":7:", "empty"}},
		"list of blocks":             {full, "  full: {blocks: [2], length", []string{":7:", "not a list"}},
		"number as a length":         {"length: 200ms", "length: 200", []string{":7:", "300ms"}},
		"octal rate":                 {"loop: closed", "loop: search, p99-below: 1s, to: 0100, from: 10", []string{":5:", "0100 is not a number"}},
		"endless rate":               {"loop: closed", "loop: search, p99-below: 1s, from: 10, to: .inf", []string{":5:", ".inf is not a number"}},
		"rate beyond numbers":        {"loop: closed", "loop: search, p99-below: 1s, from: 10, to: 1e999", []string{":5:", "1e999 is not a number"}},
		"no number":                  {"loop: closed", "loop: search, p99-below: 1s, from: .nan, to: 10", []string{":5:", ".nan is not a number"}},
		"true as a rate":             {"loop: closed", "loop: search, p99-below: 1s, from: true, to: 10", []string{":5:", "true is not a number"}},
		"half a probe":               {"loop: closed", "loop: search, p99-below: 1s, from: 10, to: 20, probes: 7.5", []string{":5:", "7.5 is not a whole number"}},
		"yes":                        {"load:", "flagship: yes\nload:", []string{":5:", `"yes" is not one of true, false`}},
		"one":                        {"load:", "flagship: 1\nload:", []string{":5:", "true, false"}},
		"octal level":                {core, "core: [{clients: [010]}]", []string{":9:", "010", "item 1 of knob clients"}},
		"hexadecimal level":          {core, "core: [{clients: [0x10]}]", []string{":9:", "0x10"}},
		"exponent level":             {core, "core: [{clients: [1e1]}]", []string{":9:", `"1e1" is not a whole number`}},
		"fraction as a level":        {core, "core: [{clients: [1.5]}]", []string{":9:", `"1.5" is not a whole number`}},
		"true level":                 {core, "core: [{clients: [true]}]", []string{":9:", `"true" is not a whole number`}},
		"true choice":                {core, "core: [{policy: [true]}]", []string{":9:", `"true" is not one of a, b, c`}},
		"octal knob":                 {"load:", "knobs: {clients: 010}\nload:", []string{":5:", "010"}},
		"mapping as a knob":          {"load:", "knobs: {pause: {a: 1}}\nload:", []string{":5:", "quotes"}},
		"second document":            {core, core + "\n---\ncore: [{clients: [2]}]", []string{":10:", "second document"}},
		"empty second document":      {core, core + "\n---\n", []string{"second document"}},
		"broken second document":     {core, core + "\n---\na: [", []string{"toy-rates.yaml:"}},
		"merge key":                  {"  deep: {blocks: 1, length: 200ms, warmup: 0s}", "  deep: {<<: {blocks: 1}, length: 200ms}", []string{":8:", "merge key"}},
		"tag":                        {full, "  full: {blocks: !!int '2', length", []string{":7:", "tag !!int"}},
		"tag of one's own":           {"title: Rates", "title: !shout Rates", []string{":2:", "tag !shout"}},
		"key that is a list":         {"load:", "knobs: {[a]: 1}\nload:", []string{":5:", "key"}},
		"alias within itself":        {core, "core: &all [{clients: [1]}, *all]", []string{":9:", "*all"}},
		"unknown key behind alias":   {"  deep: {blocks: 1, length: 200ms, warmup: 0s}", "  deep: *x\nknobs: &y {pause: 1s}", []string{":8:", "x"}},
		"log-x beside bars":          {core, core + "\nfigures: [{name: a, title: A, kind: bars, x: clients, y: rate_rps, log-x: true}]", []string{":10:", "log-x", "lines"}},
		"unknown format":             {core, core + "\nfigures: [{name: a, title: A, kind: bars, x: clients, y: rate_rps, y-format: precent}]", []string{":10:", `"precent"`, "percent"}},
		"blames the very level":      {core, "core:\n- clients:\n  - 1\n  - 2\n  - x", []string{":13:", `"x"`}},
		"blames the very column":     {core, core + "\ntables:\n- name: a\n  title: A\n  rows: [clients]\n  columns:\n  - rate_rps\n  - rate", []string{":16:", `"rate"`}},
		"blames the very key":        {core, core + "\nfigures:\n- name: a\n  title: A\n  kind: bars\n  x: clients\n  y: rate", []string{":15:", `"rate"`}},
		"blames a filter's level":    {core, core + "\nfigures:\n- name: a\n  title: A\n  kind: bars\n  x: clients\n  y: rate_rps\n  where:\n    clients: [2]", []string{":17:", `"2"`}},
		"aliases that multiply":      {core, "core: [{clients: [1]}]\nclaims: " + bomb(8), []string{"aliases"}},
		"empty file":                 {minimal, "", []string{":1:", "not an experiment"}},
		"comment alone":              {minimal, "# nothing\n", []string{":1:", "not an experiment"}},
		"scalar where keys are":      {"load: {loop: closed}", "load: closed", []string{":5:", "loop"}},
		"mapping where a list is":    {core, core + "\nfigures: {a: {name: a}}", []string{":10:", "want a list"}},
		"list where names are":       {"load:", "knobs: [pause]\nload:", []string{":5:", "names with values"}},
		"no blank after a colon":     {"load:", "knobs: {clients:4}\nload:", []string{":5:", "a blank must follow the colon"}},
		"commas without quotes":      {"load:", "knobs: {pause: 1,2,3}\nload:", []string{":5:", "a text with commas goes in quotes"}},
		"colon in a text":            {"question: Which is fastest?", "question: Is it: yes?", []string{":3:", "a text with a colon goes in quotes"}},
		"tab":                        {core, "core:\n\t- clients: [1]", []string{":10:", "not tabs"}},
		"indented otherwise":         {"title: Rates", " title: Rates", []string{"toy-rates.yaml:2"}},
		"list left open":             {core, "core: [{clients: [1}]", []string{":9:", "not closed"}},
		"figure without a name":      {core, core + "\nfigures: [{title: A, kind: bars, x: clients, y: rate_rps}]", []string{":10:", "a figure's name is missing"}},
		"figure named otherwise":     {core, core + "\nfigures: [{name: my_rate, title: A, kind: bars, x: clients, y: rate_rps}]", []string{":10:", `"my_rate"`, "hyphens"}},
		"table without a title":      {core, core + "\ntables: [{name: a, columns: [rate_rps]}]", []string{":10:", "table a: title is missing"}},
		"table without columns":      {core, core + "\ntables: [{name: a, title: A, columns: []}]", []string{":10:", "table a: columns is missing"}},
		"peer that says nothing":     {core, core + "\npeers: [{name: a, rival: R, promise: p, metric: rate_rps, where: {clients: 1}}]", []string{":10:", "peer a: says is"}},
		"peer of no cell":            {core, core + "\npeers: [{name: a, rival: R, promise: p, says: s, metric: rate_rps, where: {clients: 7}}]", []string{":10:", `"7"`}},
		"claim that says nothing":    {core, core + "\nclaims: [{name: a, metric: rate_rps, at-least: 1}]", []string{":10:", "claim a: claim is missing"}},
		"text for the scale's block": {full, "  full: {blocks: two, length", []string{":7:", "two is not a whole number"}},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(minimal, c.old, c.new, 1)
			if text == minimal {
				t.Fatal("the mistake is not in the file")
			}
			_, err := read(t, text)
			if !systems.IsUsage(err) {
				t.Fatalf("read with the error %v; want a usage error", err)
			}
			for _, w := range append(c.want, "toy-rates.yaml:") {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not contain %q", err, w)
				}
			}
		})
	}
}

// bomb is a list of aliases that grows ninefold with every level.
func bomb(levels int) string {
	var b strings.Builder
	b.WriteString("[&a0 [x]")
	for i := range levels {
		fmt.Fprintf(&b, ", &a%d [%s]", i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9))
	}
	return b.String() + "]"
}

// What says plainly what it means is read, however it is written.
func TestReadPlain(t *testing.T) {
	for name, c := range map[string]struct {
		old, new string
		check    func(*Experiment) bool
	}{
		"alone":            {"name:", "name:", func(e *Experiment) bool { return e.Scales["full"].Blocks == 1 }},
		"a document mark":  {"name:", "---\nname:", func(e *Experiment) bool { return e.Title == "Rates" }},
		"an end mark":      {"core: [{clients: [1]}]", "core: [{clients: [1]}]\n...", func(e *Experiment) bool { return len(e.Core) == 1 }},
		"a quoted level":   {"[{clients: [1]}]", "[{clients: ['12']}]", func(e *Experiment) bool { return e.Core[0][0].Levels[0] == "12" }},
		"an exponent":      {"loop: closed", "loop: search, p99-below: 1s, from: 1e3, to: 2.5e+3", func(e *Experiment) bool { return e.Load.From == 1000 && e.Load.To == 2500 }},
		"a whole number":   {"loop: closed", "loop: search, p99-below: 1s, from: 1000, to: 2500", func(e *Experiment) bool { return e.Load.From == 1000 }},
		"an alias":         {"  deep: {blocks: 1, length: 200ms, warmup: 0s}", "  deep: *f", func(e *Experiment) bool { return e.Scales["deep"].Blocks == 3 }},
		"a number's title": {"title: Rates", "title: 12", func(e *Experiment) bool { return e.Title == "12" }},
		"a quoted 010":     {"title: Rates", "title: '010'", func(e *Experiment) bool { return e.Title == "010" }},
		"a flag":           {"load:", "flagship: false\nload:", func(e *Experiment) bool { return !e.Flagship }},
		"no figures":       {"load:", "figures: []\ntables: []\nload:", func(e *Experiment) bool { return len(e.Figures) == 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(minimal, c.old, c.new, 1)
			if strings.Contains(text, "*f") {
				text = strings.Replace(text, "full: {blocks: 1", "full: &f {blocks: 3", 1)
			}
			if e, err := read(t, text); err != nil || !c.check(e) {
				t.Errorf("read %+v, %v", e, err)
			}
		})
	}
}

// A cell that could not be measured is refused before anything is, at the
// length that is to be raised; cells that are left out do not matter.
func TestPlanAsksTheSystem(t *testing.T) {
	sys := toy()
	sys.Check = func(set systems.Setting, v systems.Values) error {
		if n := v.Int("clients"); set.Length < time.Duration(n)*time.Second {
			return fmt.Errorf("%d clients take longer than %v", n, set.Length)
		}
		return nil
	}
	sys.TimeConstant = func(v systems.Values) time.Duration {
		return 100 * time.Millisecond * time.Duration(v.Int("clients")/10)
	}
	text := strings.Replace(minimal, "[1]", "[1, 2, 20]", 1)
	text = strings.Replace(text, "deep: {blocks: 1, length: 200ms", "deep: {blocks: 1, length: 20s", 1)
	e, err := Catalog{Systems: []*systems.System{sys}}.Read("toy-rates.yaml", []byte(strings.Replace(text, "200ms", "1s", 1)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		scale string
		only  []string
		want  string // nothing: it is planned
	}{
		{"full", nil, "toy-rates.yaml:7: scale full, cell clients=2: 2 clients take longer than 1s"},
		{"full", []string{"1"}, ""},
		{"full", []string{"20"}, "20 clients take longer than 1.2s"}, // 6 time constants
		{"deep", nil, ""},
	} {
		only := record.Where{}
		if c.only != nil {
			only["clients"] = c.only
		}
		_, err := NewPlan(e, Selection{Scale: c.scale, Only: only})
		if c.want == "" && err != nil || c.want != "" && (!systems.IsUsage(err) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("scale %s, only %v: %v, want %q", c.scale, c.only, err, c.want)
		}
	}
}
