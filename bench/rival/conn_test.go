package rival

import (
	"bufio"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func read(text string) (any, error) {
	return (&Conn{in: bufio.NewReader(strings.NewReader(text))}).reply(0)
}

func TestReplies(t *testing.T) {
	for text, want := range map[string]any{
		"+OK\r\n": "OK", ":-7\r\n": int64(-7), "$-1\r\n": nil, "*-1\r\n": nil, "$0\r\n\r\n": "", "$4\r\na\r\nb\r\n": "a\r\nb",
		"-READONLY no\r\n": RedisError("READONLY no"), "*0\r\n": []any(nil),
		"*3\r\n:1\r\n$1\r\nx\r\n*1\r\n$-1\r\n": []any{int64(1), "x", []any{nil}},
	} {
		if got, err := read(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %#v, %v; want %#v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "\n", "+\n", "OK\r\n", ":x\r\n", "$5\r\nab\r\n", "$-2\r\n", "$99999999999\r\n", "!1\r\n", "*2\r\n:1\r\n", strings.Repeat("*1\r\n", 20)} {
		if got, err := read(text); err == nil || errors.As(err, new(RedisError)) {
			t.Errorf("%q is taken for %#v", text, got)
		}
	}
}

func FuzzReply(f *testing.F) {
	f.Add("*2\r\n$1\r\nx\r\n:1\r\n")
	f.Fuzz(func(_ *testing.T, text string) { _, _ = read(text) })
}
