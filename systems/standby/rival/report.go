package rival

import _ "embed"

// section is the rival's part of the system's section of the report.
//
//go:embed compared.md.tmpl
var section string
