// Package page turns a report in Markdown into one HTML file that needs nothing
// else: plots are drawn by the page from data in it, so that a reader can hover,
// hide series, switch quantiles and see the trials behind a mark; tables sort; it
// follows the reader's choice of light or dark, and fits a phone. Its policy
// (Content-Security-Policy) lets no request leave, and runs no script but its own.
//
// The Markdown is rendered by github.com/yuin/goldmark with the extensions of
// GitHub (tables); raw HTML in it is left out, since trials' error texts end
// up there. The scripts (axis.js, plot.js, page.js, live.js) are written by hand:
// a library for plots would be larger than all of them, and could draw neither
// what is missing and why, nor ranges beside intervals.
package page
