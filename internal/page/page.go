package page

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"path"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

//go:embed style.css
var css string

// Document is a Markdown file that becomes a part of the page.
type Document struct {
	Path string // where it lies, with slashes: what its links and images are relative to
	Text []byte
}

// anchor names the document's own place on the page, and what comes before the
// names of its headings; the first document's headings keep theirs.
func (d Document) anchor() string {
	return strings.NewReplacer("/", "-", ".md", "").Replace(d.Path)
}

// page is what is known while it is rendered.
type page struct {
	documents []Document
	files     map[string][]byte
	shown     map[string]bool // images that are on the page
}

// Render returns one page with all documents, one below the other. Links from
// one to another become links within the page. Images are looked up among the
// files and must be PNG; one that is not there is an error, and one that the
// page already shows is a link to where. Every heading gets an anchor, named as
// GitHub names it.
func Render(title string, documents []Document, files map[string][]byte) ([]byte, error) {
	p := &page{documents: documents, files: files, shown: make(map[string]bool)}
	var body bytes.Buffer
	for i, d := range documents {
		prefix := ""
		if i > 0 {
			prefix = d.anchor() + "-"
		}
		fmt.Fprintf(&body, "<section id=\"%s\">\n", html.EscapeString(d.anchor()))
		if err := p.render(&body, d, prefix); err != nil {
			return nil, fmt.Errorf("render %s: %w", d.Path, err)
		}
		body.WriteString("</section>\n")
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "+
		"content=\"width=device-width, "+
		"initial-scale=1\">\n<title>%s</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n%s</main>\n</body>\n</html>\n",
		html.EscapeString(title), css, body.Bytes())
	return out.Bytes(), nil
}

func (p *page) render(out *bytes.Buffer, d Document, prefix string) error {
	md := goldmark.New(
		goldmark.WithExtensions(extension.GFM),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	)
	doc := md.Parser().Parse(text.NewReader(d.Text))
	var again []*ast.Image
	var headings []*ast.Heading // their anchors are made last: they are no links of the text
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Image:
			seen, err := p.embed(n, d)
			if seen {
				again = append(again, n)
			}
			return ast.WalkContinue, err
		case *ast.Link:
			n.Destination = p.within(n.Destination, d, prefix)
		case *ast.Heading:
			headings = append(headings, n)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return err
	}
	for _, h := range headings {
		anchor(h, prefix)
	}
	for _, n := range again {
		link := ast.NewLink()
		link.Destination = n.Destination
		link.AppendChild(link, ast.NewString([]byte("the figure is above")))
		n.Parent().ReplaceChild(n.Parent(), n, link)
	}
	return md.Renderer().Render(out, d.Text, doc)
}

// embed replaces an image's destination by the image, or by the place where it
// is already.
func (p *page) embed(n *ast.Image, d Document) (seen bool, err error) {
	name := path.Join(path.Dir(d.Path), string(n.Destination))
	id := strings.ReplaceAll(strings.TrimSuffix(name, ".png"), "/", "-")
	if p.shown[name] {
		n.Destination = []byte("#" + id)
		return true, nil
	}
	data, ok := p.files[name]
	if !ok {
		return false, fmt.Errorf("image %s is not among the report's files", name)
	}
	if !bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")) {
		return false, fmt.Errorf("image %s is not a PNG", name)
	}
	p.shown[name] = true
	n.SetAttributeString("id", []byte(id))
	n.Destination = []byte("data:image/png;base64," + base64.StdEncoding.EncodeToString(data))
	return false, nil
}

// within turns a link to another document into one on the page.
func (p *page) within(destination []byte, d Document, prefix string) []byte {
	name, heading, _ := strings.Cut(string(destination), "#")
	if name == "" && heading != "" {
		return []byte("#" + prefix + heading)
	}
	if strings.Contains(name, ":") {
		return destination
	}
	name = path.Join(path.Dir(d.Path), name)
	for i, other := range p.documents {
		switch {
		case other.Path != name:
		case heading == "":
			return []byte("#" + other.anchor())
		case i == 0:
			return []byte("#" + heading)
		default:
			return []byte("#" + other.anchor() + "-" + heading)
		}
	}
	return destination
}

// anchor adds a link to the heading itself.
func anchor(h *ast.Heading, prefix string) {
	id, ok := h.AttributeString("id")
	if !ok {
		return
	}
	name := append([]byte(prefix), id.([]byte)...)
	h.SetAttributeString("id", name)
	link := ast.NewLink()
	link.Destination = append([]byte("#"), name...)
	link.SetAttributeString("class", []byte("anchor"))
	link.SetAttributeString("aria-label", []byte("link to this heading"))
	link.AppendChild(link, ast.NewString([]byte("#")))
	h.AppendChild(h, link)
}
