package report

import (
	"fmt"
	"strings"

	"dyno/internal/page"
	"dyno/internal/record"
	"dyno/internal/table"
)

// LivePage is a page of runs that are about to be made: their figures, without a
// value yet, and room for what [Asked] says of them later.
func LivePage(runs []record.Run) ([]byte, error) {
	p := page.Page{Title: "dyno: live", Live: true}
	for _, run := range runs {
		r := &Result{Run: run}
		var err error
		if r.cells, err = cells(&r.Run); err != nil {
			return nil, err
		}
		asked, err := r.asked(allot([]*Result{r}))
		if err != nil {
			return nil, err
		}
		data, err := page.Pack(asked)
		if err != nil {
			return nil, err
		}
		var text strings.Builder
		fmt.Fprintf(&text, "# %s (`%s`)\n\n%s\n", table.Text(asked.Title), asked.Name, table.Text(asked.Question))
		for _, f := range asked.Figures {
			fmt.Fprintf(&text, "\n![%s](../../%s)\n", table.Text(f.Charts[f.Stat].Title), plotPath(asked.Name, f.Name))
		}
		p.Data = append(p.Data, data)
		p.Documents = append(p.Documents, page.Document{Path: readmePath(asked.Name), Text: []byte(text.String())})
	}
	return p.Render()
}

// Asked is what a page shows of a result in a folder, finished or not.
func Asked(folder string) (page.Experiment, error) {
	s, err := Open(folder)
	if err != nil {
		return page.Experiment{}, err
	}
	return s.Results[0].asked(allot(s.Results))
}
