package page

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

//go:embed style.css
var css string

// Render returns the page of a report in Markdown. Images are looked up by
// their destination among the files and must be PNG; one that is not there is
// an error. Every heading gets an anchor, named as GitHub names it.
func Render(title string, markdown []byte, files map[string][]byte) ([]byte, error) {
	md := goldmark.New(
		goldmark.WithExtensions(extension.GFM),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	)
	doc := md.Parser().Parse(text.NewReader(markdown))
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Image:
			return ast.WalkContinue, embed(n, files)
		case *ast.Heading:
			anchor(n)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if err := md.Renderer().Render(&body, markdown, doc); err != nil {
		return nil, fmt.Errorf("render page: %w", err)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "+
		"content=\"width=device-width, "+
		"initial-scale=1\">\n<title>%s</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n%s</main>\n</body>\n</html>\n",
		html.EscapeString(title), css, body.Bytes())
	return out.Bytes(), nil
}

// embed replaces an image's destination by the image.
func embed(n *ast.Image, files map[string][]byte) error {
	name := string(n.Destination)
	data, ok := files[name]
	if !ok {
		return fmt.Errorf("image %s is not among the report's files", name)
	}
	if !bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")) {
		return fmt.Errorf("image %s is not a PNG", name)
	}
	n.Destination = []byte("data:image/png;base64," + base64.StdEncoding.EncodeToString(data))
	return nil
}

// anchor adds a link to the heading itself.
func anchor(h *ast.Heading) {
	id, ok := h.AttributeString("id")
	if !ok {
		return
	}
	link := ast.NewLink()
	link.Destination = append([]byte("#"), id.([]byte)...)
	link.SetAttributeString("class", []byte("anchor"))
	link.SetAttributeString("aria-label", []byte("link to this heading"))
	link.AppendChild(link, ast.NewString([]byte("#")))
	h.AppendChild(h, link)
}
