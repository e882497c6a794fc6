// Command target-matrix puts kinds of service and proto to dyno, ghz and
// grpcurl, and prints which of them calls each, refuses it clearly, or fails.
// The script run beside it fetches the tools; nothing of it is part of CI.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
)

// verdict is what became of one tool at one service.
type verdict string

const (
	works   verdict = "works"   // the service was asked what it was to be asked, the tool says that it was answered
	refuses verdict = "refuses" // it was not asked; the tool says why, and its exit code is not 0
	fails   verdict = "fails"   // anything else: silence, a crash, another request, an exit code of 0 without an answer
)

func main() {
	log.SetFlags(0)
	tools := []*tool{
		{name: "dyno", args: dynoArgs}, {name: "ghz", args: ghzArgs}, {name: "grpcurl", args: grpcurlArgs},
	}
	for _, t := range tools {
		flag.StringVar(&t.path, t.name, t.name, "the program")
	}
	only := flag.String("only", "", "rows whose names contain this")
	verbose := flag.Bool("v", false, "show what the tools said")
	flag.Parse()
	dir, err := os.MkdirTemp("", "target-matrix-")
	if err != nil {
		log.Fatal(err)
	}
	err = matrix(dir, tools, *only, *verbose)
	if removeErr := os.RemoveAll(dir); err == nil {
		err = removeErr
	}
	if err != nil {
		log.Fatal(err)
	}
}

// matrix prints the table.
func matrix(dir string, tools []*tool, only string, verbose bool) error {
	if err := writeCertificates(dir); err != nil {
		return err
	}
	fmt.Print("| service |")
	for _, t := range tools {
		fmt.Printf(" %s |", t.name)
	}
	fmt.Println("\n|:--|" + strings.Repeat(":--|", len(tools)))
	var said []string
	total := map[string]map[verdict]int{}
	for i, r := range rows {
		if !strings.Contains(r.name, only) {
			continue
		}
		fmt.Printf("| %d. %s |", i+1, r.name)
		for _, t := range tools {
			v, words, err := try(filepath.Join(dir, fmt.Sprintf("%d-%s", i, t.name)), dir, r, t)
			if err != nil {
				return fmt.Errorf("row %d, %s, %s: %w", i+1, r.name, t.name, err)
			}
			fmt.Printf(" %s |", v)
			if total[t.name] == nil {
				total[t.name] = map[verdict]int{}
			}
			total[t.name][v]++
			if v != works || verbose {
				said = append(said, fmt.Sprintf("%d. %s, %s %s: %s", i+1, r.name, t.name, v, words))
			}
		}
		fmt.Println()
	}
	fmt.Println()
	for _, t := range tools {
		fmt.Printf("%s: %d work, %d are refused, %d fail\n", t.name, total[t.name][works], total[t.name][refuses], total[t.name][fails])
	}
	fmt.Println("\n" + strings.Join(said, "\n"))
	return nil
}

// try starts the row's service afresh and lets one tool call it.
func try(work, certificates string, r row, t *tool) (verdict, string, error) {
	if err := os.Mkdir(work, 0o755); err != nil {
		return "", "", err
	}
	s, err := serve(work, certificates, r)
	if err != nil {
		return "", "", err
	}
	defer s.stop()
	args := t.args(r, s)
	if args == nil {
		return refuses, "it has no flag for that", nil
	}
	code, out := t.run(context.Background(), args)
	asked, right := s.seen()
	words := fmt.Sprintf("exit code %d, %d calls of which %d right: %s", code, asked, right, brief(out))
	switch {
	case strings.Contains(out, "panic:") || strings.Contains(out, "goroutine "):
		return fails, words, nil
	case code == 0 && right > 0 && right == asked && t.answered(out):
		return works, words, nil
	case code != 0 && asked == 0 && out != "":
		return refuses, words, nil
	}
	return fails, words, nil
}

// brief is the first words of what a tool said.
func brief(out string) string {
	words := strings.Join(strings.Fields(out), " ")
	if len(words) > 220 {
		words = words[:220] + "…"
	}
	return words
}
