package record

import (
	"encoding/json"
	"slices"
	"strconv"
)

// decoder reads trials from their JSON, without the evidence, a quarter of the
// text: figures were held against it when they were stored.
type decoder struct {
	scanner
	verdicts bool    // of observations only what was counted and how they ended
	checks   []Check // of one verdict
}

func (d *decoder) decode(text []byte) (*Trial, error) {
	t := new(Trial)
	d.rest, d.failed = text, false
	d.trial(t)
	if len(d.rest) > 0 && d.rest[0] == '\n' {
		d.rest = d.rest[1:]
	}
	if d.failed || len(d.rest) > 0 {
		return d.whatever(text)
	}
	return t, nil
}

// whatever reads all that is JSON.
func (d *decoder) whatever(text []byte) (*Trial, error) {
	t := new(Trial)
	if err := json.Unmarshal(text, t); err != nil {
		return nil, err
	}
	if o := t.Observation; o != nil {
		o.Evidence = nil
		if d.verdicts {
			t.Observation = &Observation{Counts: o.Counts, Failures: o.Failures, Verdict: o.Verdict, Flags: o.Flags}
		}
	}
	return t, nil
}

func (d *decoder) trial(t *Trial) {
	for d.open('{'); d.more('}'); {
		switch key := d.key(); string(key) {
		case "id":
			t.ID = d.text()
		case "experiment":
			t.Experiment = d.word()
		case "system":
			t.System = d.word()
		case "binary":
			t.Binary = d.word()
		case "load":
			t.Load = again(&d.scanner, d.loads)
		case "block":
			t.Block = int(d.integer())
		case "cell":
			t.Cell = int(d.integer())
		case "values":
			t.Values = again(&d.scanner, d.values)
		case "seed":
			t.Seed = d.natural()
		case "warmup_s":
			t.Warmup = Seconds(d.float())
		case "length_s":
			t.Length = Seconds(d.float())
		case "started":
			if err := t.Started.UnmarshalJSON(d.skip()); err != nil {
				d.fail()
			}
		case "took_s":
			t.Took = Seconds(d.float())
		case "observation":
			t.Observation = d.observation()
		case "prev":
			t.Prev = d.text()
		case "seal":
			t.Seal = d.text()
		default:
			d.rare(key, t)
		}
	}
}

// rare reads what few trials have.
func (d *decoder) rare(key []byte, t *Trial) {
	switch string(key) {
	case "detail":
		t.Detail = d.boolean()
	case "error":
		t.Error = d.text()
	case "absent":
		t.Absent = d.boolean()
	case "rejected":
		d.other(d.skip(), &t.Rejected)
	case "machines":
		d.other(d.skip(), &t.Machines)
	case "control":
		t.Control = d.word()
	default:
		d.fail()
	}
}

func (d *decoder) natural() uint64 {
	v, err := strconv.ParseUint(string(d.number()), 10, 64)
	if err != nil {
		d.fail()
	}
	return v
}

func (d *decoder) observation() *Observation {
	o := new(Observation)
	for d.open('{'); d.more('}'); {
		switch string(d.key()) {
		case "counts":
			o.Counts = d.counts()
		case "failures":
			o.Failures = d.failures()
		case "verdict":
			o.Verdict = d.verdict()
		case "flags":
			d.other(d.skip(), &o.Flags)
		case "scalars":
			d.figure(func() { o.Scalars = d.scalars() })
		case "histograms":
			d.figure(func() { o.Histograms = d.histograms() })
		case "vectors":
			d.figure(func() { o.Vectors = d.vectors() })
		case "series":
			d.figure(func() { d.other(d.skip(), &o.Series) })
		case "evidence":
			d.skip()
		default:
			d.fail()
		}
	}
	return o
}

// figure reads figures, if they are asked for.
func (d *decoder) figure(read func()) {
	if d.verdicts {
		d.skip()
		return
	}
	read()
}

func (d *decoder) counts() (c Counts) {
	for d.open('{'); d.more('}'); {
		switch string(d.key()) {
		case "offered":
			c.Offered = d.integer()
		case "sent":
			c.Sent = d.integer()
		case "ok":
			c.OK = d.integer()
		case "refused":
			c.Refused = d.integer()
		case "failed":
			c.Failed = d.integer()
		case "unknown":
			c.Unknown = d.integer()
		default:
			d.fail()
		}
	}
	return c
}

func (d *decoder) failures() *Failures {
	f := new(Failures)
	for d.open('{'); d.more('}'); {
		switch string(d.key()) {
		case "sent":
			f.Sent = d.integer()
		case "failed":
			f.Failed = d.integer()
		case "first":
			f.First = d.text()
		default:
			d.fail()
		}
	}
	return f
}

func (d *decoder) verdict() (v Verdict) {
	for d.open('{'); d.more('}'); {
		switch string(d.key()) {
		case "status":
			v.Status = Status(d.word())
		case "checks":
			d.checks = d.checks[:0]
			for d.open('['); d.more(']'); {
				d.checks = append(d.checks, d.check())
			}
			v.Checks = slices.Clone(d.checks)
		default:
			d.fail()
		}
	}
	return v
}

func (d *decoder) check() (c Check) {
	for d.open('{'); d.more('}'); {
		switch string(d.key()) {
		case "name":
			c.Name = d.word()
		case "status":
			c.Status = Status(d.word())
		case "examined":
			c.Examined = d.integer()
		case "detail":
			c.Detail = d.text()
		default:
			d.fail()
		}
	}
	return c
}

func (d *decoder) scalars() map[string]float64 {
	out := make(map[string]float64)
	for d.open('{'); d.more('}'); {
		name := d.word()
		d.eat(':')
		out[name] = d.float()
	}
	return out
}

func (d *decoder) histograms() map[string]*Histogram {
	out := make(map[string]*Histogram)
	for d.open('{'); d.more('}'); {
		name := d.word()
		d.eat(':')
		out[name] = d.histogram()
	}
	return out
}

func (d *decoder) histogram() *Histogram {
	var sum float64
	var least, most *int64
	var hdr []byte
	for d.open('{'); d.more('}'); {
		switch string(d.key()) {
		case "sum_ns":
			sum = d.float()
		case "min_ns":
			least = new(d.integer())
		case "max_ns":
			most = new(d.integer())
		case "hdr":
			hdr = d.quoted()
		default:
			d.fail()
		}
	}
	h := new(Histogram)
	if d.failed || h.read(sum, least, most, hdr) != nil {
		d.fail()
	}
	return h
}

func (d *decoder) vectors() map[string]Vector {
	out := make(map[string]Vector)
	for d.open('{'); d.more('}'); {
		name := d.word()
		d.eat(':')
		var v Vector
		for d.open('{'); d.more('}'); {
			switch string(d.key()) {
			case "labels":
				for d.open('['); d.more(']'); {
					v.Labels = append(v.Labels, d.word())
				}
			case "values":
				for d.open('['); d.more(']'); {
					v.Values = append(v.Values, d.float())
				}
			default:
				d.fail()
			}
		}
		out[name] = v
	}
	return out
}
