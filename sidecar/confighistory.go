package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config/store"
)

func (a *app) configHistoryCommand() *cobra.Command {
	var asJSON bool
	most := 100
	c := &cobra.Command{
		Use:   "history [KEY]",
		Short: "Show who has changed what in the database, the latest first",
		Example: `  tasker-sidecar config history
  tasker-sidecar config history log.level --limit 5`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError("%s takes one key; see %[1]s --help", c.CommandPath())
			}
			if most < 1 {
				return usageError("--limit %d: at least one is expected", most)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			key := ""
			if len(args) == 1 {
				key = args[0]
			}
			return a.withStore(c, func(ctx context.Context, conn *pgx.Conn) error {
				changes, err := store.History(ctx, conn, key, most)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(a.stdout, map[string]any{"changes": append([]store.Change{}, changes...)})
				}
				return a.printHistory(changes)
			})
		},
	}
	c.Flags().IntVar(&most, "limit", most, "how many changes at the most")
	jsonFlag(c, &asJSON)
	return c
}

func (a *app) printHistory(changes []store.Change) error {
	if len(changes) == 0 {
		_, err := fmt.Fprintln(a.stdout, "nothing was changed in the database")
		return err
	}
	for i := range changes {
		h := &changes[i]
		line := fmt.Sprintf("%-6d %s  %s: %s → %s, by %s (role %s)", h.Change, h.ChangedAt.UTC().Format(time.RFC3339), h.Name(), plain(h.Old), plain(h.New), orSomebody(h.AskedBy), h.ChangedBy)
		if h.Reason != "" {
			line += ": " + h.Reason
		}
		if _, err := fmt.Fprintln(a.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

func orSomebody(name string) string {
	if name == "" {
		return "somebody"
	}
	return name
}

func (a *app) configRollbackCommand() *cobra.Command {
	var f editFlags
	var at string
	var yes, dryRun bool
	var to store.Moment
	c := &cobra.Command{
		Use:   "rollback [CHANGE]",
		Short: "Bring back what the database said before, by new changes",
		Long: `Makes the values in the database again what they were right after a change, or at a
time; without either, before the changes that were made last. It writes new changes
and deletes none, so that it can be taken back in the same way.

It shows what would change, and does it with --yes. Exit code 1: there is nothing to
go back to, or it needs --yes.`,
		Example: `  tasker-sidecar config rollback --dry-run
  tasker-sidecar config rollback 17 --yes --reason 'as before the release'
  tasker-sidecar config rollback --to 2026-11-26T03:00:00Z --yes`,
		Args: func(c *cobra.Command, args []string) (err error) {
			switch {
			case len(args) > 1 || len(args) == 1 && at != "":
				return usageError("%s takes the number of one change, or --to with a time; see %[1]s --help", c.CommandPath())
			case yes && dryRun:
				return usageError("--yes and --dry-run contradict each other")
			case len(args) == 1:
				if to.Change, err = strconv.ParseInt(args[0], 10, 64); err != nil || to.Change < 1 {
					return usageError("%q is not the number of a change; config history shows them", args[0])
				}
			case at != "":
				if to.Time, err = time.Parse(time.RFC3339, at); err != nil {
					return usageError("--to %q is not a time such as 2026-11-26T03:00:00Z", at)
				}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return a.rollback(c, &f, to, yes, dryRun) },
	}
	c.Flags().StringVar(&at, "to", "", "the time, as 2026-11-26T03:00:00Z")
	c.Flags().BoolVar(&yes, "yes", false, "do it")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change")
	f.add(c)
	return c
}

func (a *app) rollback(c *cobra.Command, f *editFlags, to store.Moment, yes, dryRun bool) error {
	return a.withStore(c, func(ctx context.Context, conn *pgx.Conn) error {
		if yes {
			made, err := store.Rollback(ctx, conn, f.who(), to, a.checked(c, []store.Edit{{Value: []byte("0")}}))
			if err != nil {
				return nothingToDo(err)
			}
			return a.printChanges(f.asJSON, made)
		}
		edits, err := store.Back(ctx, conn, to)
		if err != nil {
			return nothingToDo(err)
		}
		if f.asJSON {
			if err := writeJSON(a.stdout, map[string]any{"would_change": append([]store.Edit{}, edits...)}); err != nil {
				return err
			}
		} else {
			if len(edits) == 0 {
				fmt.Fprintln(a.stdout, "nothing would change")
			}
			for i := range edits {
				fmt.Fprintf(a.stdout, "would change: %s → %s\n", edits[i].Name(), plain(edits[i].Value))
			}
		}
		if !dryRun && len(edits) > 0 {
			return &codedError{exitFound, fmt.Errorf("nothing was changed: --yes does it")}
		}
		return nil
	})
}

// nothingToDo gives the code of what was looked for and not found.
func nothingToDo(err error) error {
	if errors.Is(err, store.ErrNothing) {
		return &codedError{exitFound, err}
	}
	return err
}
