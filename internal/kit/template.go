package kit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"text/template"
)

// File is where a role's server is.
func (p *plan) File(role string) string {
	if p.Language == "go" {
		return "cmd/" + role + "/main.go"
	}
	return role + ".py"
}

// Check is the command line that checks the kit, in its folder.
func (p *plan) Check() string {
	words := []string{"dyno check", p.System}
	for _, s := range p.Servers {
		command := "/usr/bin/python3 " + p.File(s.Name)
		if p.Language == "go" {
			command = "bin/" + s.Name
		}
		words = append(words, fmt.Sprintf(`--impl "%s=%s"`, s.Name, command))
	}
	return strings.Join(words, " ")
}

// Sources are the packages of a server's services, each once.
func (s server) Sources() (out []service) {
	for _, v := range s.Services {
		if !slices.ContainsFunc(out, func(o service) bool { return o.Folder == v.Folder }) {
			out = append(out, v)
		}
	}
	return out
}

// render writes a file as it is, or a template: once for the kit, or once for
// each role where its name says so.
func (p *plan) render(out map[string][]byte, name, from string) error {
	text, err := files.ReadFile(from)
	if err != nil {
		return err
	}
	name = strings.ReplaceAll(name, "dot-", ".")
	bare, isTemplate := strings.CutSuffix(name, ".tmpl")
	if !isTemplate {
		out[name] = text
		return nil
	}
	t, err := template.New(name).Funcs(template.FuncMap{"lower": lower, "comment": comment, "quote": quote}).Parse(string(text))
	if err != nil {
		return err
	}
	if !strings.Contains(bare, "ROLE") {
		return execute(out, t, bare, p)
	}
	for _, s := range p.Servers {
		if err := execute(out, t, strings.ReplaceAll(bare, "ROLE", s.Name), struct {
			server
			System string
		}{s, p.System}); err != nil {
			return err
		}
	}
	return nil
}

func execute(out map[string][]byte, t *template.Template, name string, data any) error {
	var b bytes.Buffer
	err := t.Execute(&b, data)
	out[name] = b.Bytes()
	return err
}

// lower is a name that is not exported.
func lower(word string) string { return strings.ToLower(word[:1]) + word[1:] }

// quote is a text as Go and Python both read it.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// comment breaks a text into lines that begin alike.
func comment(begin, text string) string {
	const width = 100
	var b strings.Builder
	line := begin
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width && line != begin {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = begin
		}
		line += word + " "
	}
	return b.String() + strings.TrimRight(line, " ")
}
