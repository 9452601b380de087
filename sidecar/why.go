package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func (a *app) whyCommand() *cobra.Command {
	var asJSON bool
	var from serverFlags
	c := &cobra.Command{
		Use:   "why step|task ID",
		Short: "Say why a step, or each step of a task, can or cannot run now",
		Long: `Tells every reason why a step cannot run now, since when, and until when where the
clock alone ends it; and the chain of steps that it waits for, down to the root
causes. Of a task, every step that is not done and cannot run.

It asks a running sidecar (--server, by default the one at http.listen), or, with
--database-url, follows the database for the length of the command.`,
		Example: "  tasker-sidecar why step 4711\n  tasker-sidecar why task 42 --json",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 || args[0] != "step" && args[0] != "task" {
				return usageError("say «why step ID» or «why task ID»; see %s --help", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil {
				return usageError("%q is not the id of a %s: a whole number of at most 64 bits is expected", args[1], args[0])
			}
			return a.with(c, &from, func(r reader) error {
				steps := make([]tasker.StepReasons, 1)
				if args[0] == "step" {
					steps[0], err = r.stepReasons(c.Context(), id)
				} else {
					steps, err = r.taskReasons(c.Context(), id)
				}
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(a.stdout, steps)
				}
				for i := range steps {
					writeStepReasons(a.stdout, &steps[i])
				}
				if len(steps) == 0 {
					fmt.Fprintf(a.stdout, "every step of task %d is done or can run\n", id)
				}
				return nil
			})
		},
	}
	from.add(c)
	jsonFlag(c, &asJSON)
	return c
}
