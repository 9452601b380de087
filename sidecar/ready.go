package main

import (
	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func (a *app) readyCommand() *cobra.Command {
	var asJSON bool
	var limit int
	var from serverFlags
	c := &cobra.Command{
		Use:   "ready",
		Short: "List the steps that can run now, of all tasks, oldest first",
		Example: `  tasker-sidecar ready --limit 20
  tasker-sidecar ready --database-url postgres://sidecar@db/app --json`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 1 {
				return usageError("--limit %d: at least 1 is expected", limit)
			}
			return a.with(c, &from, func(r reader) error {
				steps, err := r.readySteps(c.Context(), limit)
				if err != nil {
					return err
				}
				if asJSON {
					if steps == nil {
						steps = []tasker.ReadyStep{}
					}
					return writeJSON(a.stdout, steps)
				}
				writeReadySteps(a.stdout, steps)
				return nil
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", 100, "how many at the most")
	from.add(c)
	jsonFlag(c, &asJSON)
	return c
}
