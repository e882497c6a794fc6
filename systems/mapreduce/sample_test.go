package mapreduce_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dyno/systems/mapreduce"
)

// The report's example is what really comes out.
func TestSampleInReport(t *testing.T) {
	for _, job := range []string{"wordcount", "invertedindex"} {
		out := t.TempDir()
		c := dyno(t, "testdata/sample", "run", job, "--reduces", "2", "--out", out, "cat.txt", "ein Hund.txt")
		if code := c.code(t); code != 0 {
			t.Fatal(c.err.String())
		}
		for _, name := range []string{"mr-out-0", "mr-out-1"} {
			data, err := os.ReadFile(filepath.Join(out, name))
			if err != nil {
				t.Fatal(err)
			}
			line := "- `" + job + "`, `" + name + "`: `" + strings.ReplaceAll(strings.TrimSuffix(string(data), "\n"), "\n", "` `") + "`"
			if !strings.Contains(mapreduce.System.Report, "\n"+line+"\n") {
				t.Errorf("the report has no line\n%s", line)
			}
		}
	}
}

// BenchmarkRun is a whole job, from the command to the end of all processes.
func BenchmarkRun(b *testing.B) {
	dir := b.TempDir()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		bytes int
	}{{"one-line", 40}, {"16MB", 16 << 20}} {
		b.Run(c.name, func(b *testing.B) {
			in := filepath.Join(dir, c.name)
			text := strings.Repeat("the quick brown fox jumps over lazy dogs\n", c.bytes/41+1)
			if err := os.WriteFile(in, []byte(text), 0o666); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				cmd := exec.CommandContext(b.Context(), exe, "mapreduce", "run", "wordcount", "--reduces", "4", "--split-size", "4MiB", "--force", "--out", filepath.Join(dir, "out"), in)
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v: %s", err, out)
				}
			}
		})
	}
}
