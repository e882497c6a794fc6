package target

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"dyno/systems"
)

var metadataKey = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-z_.-]+$`) })

// callMetadata is what is sent with every call, and what of it is secret.
type callMetadata struct {
	values  map[string]string
	secrets []string
}

// readMetadata reads metadata from the knobs, from the file that they name, and
// from the environment. What comes from the latter two is secret.
func readMetadata(inline, file string) (*callMetadata, error) {
	given := map[string]string{}
	if inline != "" {
		if err := json.Unmarshal([]byte(inline), &given); err != nil {
			return nil, systems.Usagef("--%s %s: want an object of strings: %w", knobMetadata, inline, err)
		}
	}
	m := new(callMetadata)
	if file != "" {
		fromFile, err := metadataFile(file)
		if err != nil {
			return nil, err
		}
		for key, value := range fromFile {
			if _, twice := given[key]; twice {
				return nil, systems.Usagef("--%s and --%s both have the key %s: leave one out", knobMetadata, knobMetadataFile, key)
			}
			given[key] = value
			m.conceal(value)
		}
	}
	for key, value := range given {
		filled, err := m.fill(value)
		if err != nil {
			return nil, err
		}
		given[key] = filled
	}
	var err error
	m.values, err = parseMetadata(given)
	return m, err
}

func metadataFile(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, systems.Usagef("--%s: %w", knobMetadataFile, err)
	}
	given := map[string]string{}
	if json.Unmarshal(text, &given) != nil { // its error would quote what is in it
		return nil, systems.Usagef("--%s: %s is not a JSON object of strings", knobMetadataFile, path)
	}
	return given, nil
}

var variable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`) })

// fill puts in what the environment has for ${NAME}.
func (m *callMetadata) fill(value string) (string, error) {
	var missing error
	filled := variable().ReplaceAllStringFunc(value, func(name string) string {
		name = variable().FindStringSubmatch(name)[1]
		text, ok := os.LookupEnv(name)
		if !ok || text == "" {
			missing = systems.Usagef("--%s: the environment variable %s is not set", knobMetadata, name)
		}
		m.conceal(text)
		return text
	})
	if missing == nil && filled != value {
		m.conceal(filled)
	}
	return filled, missing
}

// conceal keeps a text for [callMetadata.hide], and without the word before it,
// as in "Bearer …". One that is too short is no secret, and is in every text.
func (m *callMetadata) conceal(secret string) {
	const short = 4
	words := strings.Fields(secret)
	for _, s := range append(words, secret) {
		if len(s) >= short && !strings.EqualFold(s, "bearer") && !strings.EqualFold(s, "basic") {
			m.secrets = append(m.secrets, s)
		}
	}
	slices.SortFunc(m.secrets, func(a, b string) int { return len(b) - len(a) })
}

// hide takes the secrets out of a text.
func (m *callMetadata) hide(text string) string {
	for _, s := range m.secrets {
		text = strings.ReplaceAll(text, s, "***")
	}
	return text
}

// hideIn takes the secrets out of what an error says.
func (m *callMetadata) hideIn(err error) error {
	if err == nil || m.hide(err.Error()) == err.Error() {
		return err
	}
	return concealed{err, m.hide(err.Error())}
}

type concealed struct {
	error
	text string
}

func (c concealed) Error() string { return c.text }

// Unwrap returns the error itself.
func (c concealed) Unwrap() error { return c.error }

// parseMetadata checks what is sent with every call. Binary values, of keys that
// end in -bin, are written in base64, as for grpcurl and ghz.
func parseMetadata(given map[string]string) (map[string]string, error) {
	md := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		lower, value := strings.ToLower(key), given[key]
		_, twice := md[lower]
		switch {
		case twice:
			return nil, systems.Usagef("--metadata: %s is given twice (upper and lower case are the same)", lower)
		case !metadataKey().MatchString(lower):
			return nil, systems.Usagef("--metadata: the key %q has characters other than letters, digits and _ . -", key)
		case strings.HasPrefix(lower, "grpc-") || slices.Contains([]string{"content-type", "te", "user-agent"}, lower):
			return nil, systems.Usagef("--metadata: the key %s is gRPC's own and would not be sent; leave it out", lower)
		case strings.HasSuffix(lower, "-bin"):
			b, err := fromBase64(value)
			if err != nil {
				return nil, systems.Usagef("--metadata: the value of %s is not base64, as those of keys that end in -bin are to be: %w", lower, err)
			}
			value = string(b)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
			return nil, systems.Usagef("--metadata: the value of %s is not printable ASCII; use a key that ends in -bin and base64", lower)
		}
		md[lower] = value
	}
	return md, nil
}

// fromBase64 takes both alphabets, with padding and without.
func fromBase64(text string) ([]byte, error) {
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	return base64.RawStdEncoding.DecodeString(plain)
}
