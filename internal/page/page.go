package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"path"
	"runtime"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	tables "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
	"golang.org/x/sync/errgroup"
)

// The page's own parts: what stands around the text, and what makes it answer.
var (
	//go:embed style.css
	style string
	//go:embed axis.js
	axisJS string
	//go:embed plot.js
	plotJS string
	//go:embed page.js
	pageJS string
	//go:embed live.js
	liveJS string
)

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

// Page is what is rendered.
type Page struct {
	Title     string
	Documents []Document
	Data      []Data // of the experiments whose plots the documents show
	Live      bool   // the data comes later, as events of the server that the page is from
}

// page is what is known while it is rendered.
type page struct {
	Page
	plots map[string]plot // that can be drawn, by the paths of their PNGs
	shown map[string]bool // that are on the page
}

// plot is a figure of an experiment.
type plot struct{ of, figure string }

// frame is the page around its parts. Its policy keeps the browser from asking
// anybody for anything, but a live page's own server, and from running any script
// but the page's own, known by its hash.
const frame = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-%s'; img-src data:; connect-src %s">
<title>%s</title>
<link rel="icon" href="data:,">
<style>
%s</style>
</head>
<body>
<main>
%s</main>
%s<script>%s</script>
</body>
</html>
`

// short says the same with fewer bytes: HTML closes cells and rows by itself. No line
// ends between a bound and its sign, or a number and its percent.
var short = strings.NewReplacer("</td>\n", "", "</th>\n", "", "</tr>\n", "\n",
	"≥ ", "≥\u00a0", "≤ ", "≤\u00a0", " %", "\u00a0%", `<td align="right">`, "<td class=r>", `<th align="right">`, "<th class=r>")

// Render returns one page with all documents, one below the other. Links from
// one to another become links within the page. An image must be a plot of the
// data's, and the page draws it. Every heading gets an anchor, named as GitHub
// names it.
func (in Page) Render() ([]byte, error) {
	p := &page{Page: in, plots: make(map[string]plot), shown: make(map[string]bool)}
	var data strings.Builder
	for _, d := range in.Data {
		for path, figure := range d.plots {
			p.plots[path] = plot{d.Name, figure}
		}
		fmt.Fprintf(&data, "<script type=\"application/gzip\" data-of=\"%s\">%s</script>\n", html.EscapeString(d.Name), d.text)
	}
	var body bytes.Buffer
	asks, scripts := "'none'", axisJS+plotJS+pageJS
	if in.Live {
		asks, scripts = "'self'", scripts+liveJS
		body.WriteString("<section id=\"live\"></section>\n")
	}
	sections, err := p.sections()
	if err != nil {
		return nil, err
	}
	for _, s := range sections {
		body.WriteString(s)
	}
	hash := sha256.Sum256([]byte(scripts))
	return fmt.Appendf(nil, frame, base64.StdEncoding.EncodeToString(hash[:]), asks, html.EscapeString(in.Title), style,
		body.String(), data.String(), scripts), nil
}

// sections renders the documents, on all cores but for what depends on those before.
func (p *page) sections() ([]string, error) {
	parsed, out := make([]*document, len(p.Documents)), make([]string, len(p.Documents))
	each := func(do func(i int) error) error {
		var all errgroup.Group
		all.SetLimit(runtime.GOMAXPROCS(0))
		for i, d := range p.Documents {
			all.Go(func() error {
				if err := do(i); err != nil {
					return fmt.Errorf("render %s: %w", d.Path, err)
				}
				return nil
			})
		}
		return all.Wait()
	}
	if err := each(func(i int) (err error) { parsed[i], err = p.parse(i); return err }); err != nil {
		return nil, err
	}
	for _, d := range parsed {
		for _, n := range d.images {
			if err := p.place(n, d.Document); err != nil {
				return nil, fmt.Errorf("render %s: %w", d.Path, err)
			}
		}
	}
	return out, each(func(i int) (err error) { out[i], err = parsed[i].section(); return err })
}

// document is a document that was read.
type document struct {
	Document
	markdown goldmark.Markdown
	root     ast.Node
	images   []*ast.Image // that are not placed yet
}

func (p *page) parse(i int) (*document, error) {
	d, prefix := p.Documents[i], ""
	if i > 0 {
		prefix = d.anchor() + "-"
	}
	out := &document{Document: d, markdown: goldmark.New(
		goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
			extension.Strikethrough, extension.Linkify, extension.TaskList),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	)}
	out.root = out.markdown.Parser().Parse(text.NewReader(d.Text))
	var headings []*ast.Heading // their anchors are made last: they are no links of the text
	err := ast.Walk(out.root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Image:
			out.images = append(out.images, n) // replaced when the walk is over
		case *ast.Link:
			n.Destination = p.within(n.Destination, d, prefix)
		case *ast.Heading:
			headings = append(headings, n)
		case *tables.TableCell:
			if len(words(n, d.Text)) > 80 { // else it is squeezed to a column of single words
				n.SetAttributeString("class", []byte("long"))
			}
		}
		return ast.WalkContinue, nil
	})
	for _, h := range headings {
		anchor(h, prefix)
	}
	return out, err
}

// section is the document as it stands on the page.
func (d *document) section() (string, error) {
	var body bytes.Buffer
	fmt.Fprintf(&body, "<section id=\"%s\">\n", html.EscapeString(d.anchor()))
	if err := d.markdown.Renderer().Render(&body, d.Text, d.root); err != nil {
		return "", err
	}
	if name, ok := strings.CutPrefix(d.anchor(), "results-"); ok && strings.HasSuffix(name, "-README") {
		fmt.Fprintf(&body, "<div data-ask=\"%s\"></div>\n", html.EscapeString(strings.TrimSuffix(name, "-README")))
	}
	body.WriteString("</section>\n")
	return short.Replace(body.String()), nil
}

// place replaces an image by the place where the page will draw it. The first has a
// name that links can use.
func (p *page) place(n *ast.Image, d Document) error {
	file, id := path.Join(path.Dir(d.Path), string(n.Destination)), ""
	of, ok := p.plots[file]
	if !ok {
		return fmt.Errorf("image %s is not among the report's plots", file)
	}
	if !p.shown[file] {
		p.shown[file], id = true, fmt.Sprintf(` id="plots-%s-%s"`, html.EscapeString(of.of), html.EscapeString(of.figure))
	}
	place := ast.NewString(fmt.Appendf(nil, `<span class="plot"%s data-of="%s" data-plot="%s"><i>%s: needs JavaScript here; see %s</i></span>`,
		id, html.EscapeString(of.of), html.EscapeString(of.figure), html.EscapeString(string(words(n, d.Text))), html.EscapeString(file)))
	place.SetCode(true) // as it is
	n.Parent().ReplaceChild(n.Parent(), n, place)
	return nil
}

// words is the text below a node.
func words(n ast.Node, source []byte) (out []byte) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			out = append(out, util.ResolveEntityNames(util.UnescapePunctuations(t.Segment.Value(source)))...)
		} else {
			out = append(out, words(c, source)...)
		}
	}
	return out
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
	for i, other := range p.Documents {
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
