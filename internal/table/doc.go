// Package table writes Markdown tables and the numbers in them.
//
// Tables are laid out by github.com/olekukonko/tablewriter. Numbers are cut to
// the digits that their interval supports: 588 [571, 595], never 588.2371. An
// interval is asymmetric as a rule, so there is no ±.
package table
