package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
)

func (a *app) historyCommand() *cobra.Command {
	var asJSON bool
	var from serverFlags
	c := &cobra.Command{
		Use:   "history task|step ID",
		Short: "List the transitions of a task or a step, oldest first",
		Long: `Lists what has become of a task or step, who moved it and why, as far as the sidecar
has. It asks a running sidecar (--server, by default the one at http.listen), or, with
--database-url, the database itself; either way the rows, not the index.

Exit code 4: there is no such task or step.`,
		Example: "  tasker-sidecar history step 4711\n  tasker-sidecar history task 42 --database-url postgres://sidecar@db/app --json",
		Args: func(c *cobra.Command, args []string) error {
			_, _, err := entity(c, args)
			return err
		},
		RunE: func(c *cobra.Command, args []string) error {
			kind, id, err := entity(c, args)
			if err != nil {
				return err
			}
			return a.withMover(c, &from, func(m mover) error {
				entries, err := m.history(c.Context(), kind, id)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(a.stdout, entries)
				}
				if len(entries) == 0 {
					_, err := fmt.Fprintf(a.stdout, "%s %d is pending, and nothing has become of it yet\n", kind, id)
					return err
				}
				writeHistory(a.stdout, entries)
				return nil
			})
		},
	}
	from.add(c)
	jsonFlag(c, &asJSON)
	return c
}

func writeHistory(w io.Writer, entries []writer.Entry) {
	for i := range entries {
		e := &entries[i]
		fmt.Fprintf(w, "%s  %s → %s", e.At, e.From, e.To)
		if e.Event != "" {
			fmt.Fprintf(w, " (%s)", e.Event)
		}
		fmt.Fprintf(w, ", transition %d", e.TransitionID)
		if e.By != "" {
			fmt.Fprintf(w, ", by %s", e.By)
		}
		if e.Reason != "" {
			fmt.Fprintf(w, ": %s", e.Reason)
		}
		fmt.Fprintln(w)
	}
}
