package trial

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"dyno/internal/record"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

// holdMetrics are what the banks' logs tell.
var holdMetrics = []record.Metric{{
	Name: "hold", Kind: record.KindHistogram, Unit: "ms", Better: record.Lower,
	Help: "from when a bank holds money for a payment until it hears the outcome, by the banks' logs, warm-up included: the time in doubt",
}}

// logged is a line of a bank's log, as far as holds are concerned.
type logged struct {
	Time   time.Time `json:"time"`
	Msg    string    `json:"msg"`
	Tx     string    `json:"tx"`
	Vote   string    `json:"vote"`
	Micros int64     `json:"us"` // from the request to the vote
}

// holds reads the logs of all banks.
func (t *town) holds() (*record.Histogram, error) {
	h := record.NewHistogram()
	var errs []error
	for _, name := range t.made.Banks {
		errs = append(errs, readHolds(t.dir, name, h))
	}
	return h, errors.Join(errs...)
}

// readHolds adds one bank's. What a killed bank had not written yet is missing.
func readHolds(dir site.Dir, bank string, h *record.Histogram) error {
	f, err := os.Open(dir.Log(security.Party{Role: security.Bank, Name: bank}))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	held := map[string]time.Time{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var l logged
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue // cut short by a kill
		}
		since, known := held[l.Tx]
		switch {
		case l.Msg == "Prepare" && l.Vote == "yes" && !known:
			held[l.Tx] = l.Time.Add(-time.Duration(l.Micros) * time.Microsecond)
		case l.Msg == "Decide" && known:
			h.Record(l.Time.Sub(since))
			delete(held, l.Tx)
		}
	}
	return lines.Err()
}
