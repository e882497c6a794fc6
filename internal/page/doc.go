// Package page turns a report in Markdown into one HTML file that needs
// nothing else: images are embedded, the style is small and follows the
// reader's choice of light or dark.
//
// The Markdown is rendered by github.com/yuin/goldmark with the extensions of
// GitHub (tables); raw HTML in it is left out, since trials' error texts end
// up there.
package page
