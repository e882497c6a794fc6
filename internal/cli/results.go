package cli

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"dyno/internal/kube"
	"dyno/systems"
)

// results brings a run's files out of where there is no other program.
func (a *app) results() *cobra.Command {
	var wait bool
	c := &cobra.Command{
		Use:     "results FOLDER",
		Short:   "Write a run's output folder to standard output, as a tar archive",
		Long:    `For pods, whose image has no tar: kubectl exec dyno-runner -- /dyno results /tmp/out | tar x -C out/k8s`,
		Example: "  dyno results out/quick >results.tar",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return systems.Usagef("%s wants one folder, for example out/quick", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			for wait {
				if _, done := kube.Done(args[0]); done {
					break
				}
				select {
				case <-c.Context().Done():
					return c.Context().Err()
				case <-time.After(100 * time.Millisecond):
				}
			}
			if info, err := os.Stat(args[0]); err != nil || !info.IsDir() {
				return systems.Usagef("%s: there is no such folder: give the one that dyno run was given with --out", args[0])
			}
			return kube.Pack(a.out, args[0])
		},
	}
	c.Flags().BoolVar(&wait, "wait", false, "wait until the run in a pod is over, and pack then")
	return c
}
