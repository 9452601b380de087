package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/leader"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
)

func (a *app) uninstallCommand() *cobra.Command {
	var dryRun, force bool
	c := &cobra.Command{
		Use:   "uninstall",
		Short: "Remove all that install and run have put into the database",
		Long: `Drops the schemas tasker_sidecar and tasker_sidecar_compat object by object, never
with CASCADE, and the publication, all of it in one transaction. It refuses, and
names them, when there are objects that are not ours in those schemas, or that
depend on ours; and while a sidecar runs, unless --force is given. Afterwards it
names the settings of roles and databases that still mention what is gone, each
with the statement that takes it back: first let the application's search_path go
back, then uninstall.

Exit code 3: nothing was removed; the message says why.`,
		Example: `  tasker-sidecar uninstall --database-url postgres://owner@db/app --dry-run
  tasker-sidecar uninstall --database-url postgres://owner@db/app`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			loaded, err := a.settings(c)
			if err != nil {
				return err
			}
			conn, err := connect(c, &loaded.Config)
			if err != nil {
				return err
			}
			defer closeConn(c, conn)
			o := schema.UninstallOptions{
				Publication: loaded.Config.Replication.Publication, SlotPrefix: loaded.Config.Replication.SlotPrefix,
				LeaderKey: leader.LockKey, Force: force,
				Log: func(line string) { fmt.Fprintln(a.stdout, line) },
			}
			if dryRun {
				script, err := schema.PlanUninstall(c.Context(), conn, o)
				if err != nil {
					return a.uninstalled(err)
				}
				_, err = fmt.Fprint(a.stdout, script)
				return err
			}
			left, err := schema.Uninstall(c.Context(), conn, o)
			if err != nil {
				return a.uninstalled(err)
			}
			if len(left) > 0 {
				fmt.Fprintln(a.stdout, "these settings still name what is gone; each with the statement that takes it back:")
			}
			for _, s := range left {
				fmt.Fprintf(a.stdout, "  %s\n    %s\n", s, s.Reset())
			}
			return nil
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "print the SQL instead of running it")
	c.Flags().BoolVar(&force, "force", false, "remove it although a sidecar runs")
	return c
}

// uninstalled gives the outcome of a removal that did not happen: where there is
// nothing, all is as it was meant to become.
func (a *app) uninstalled(err error) error {
	if errors.Is(err, schema.ErrNothing) {
		_, err = fmt.Fprintln(a.stdout, err)
		return err
	}
	return err
}
