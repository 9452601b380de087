package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/replication"
)

func (a *app) publicationCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "publication",
		Short: "Let go of single columns for a migration, and list them again",
		Long: `A publication with column lists keeps migrations from dropping or retyping a
listed column. detach drops the lists and keeps the tables, so that whole rows are
sent and the log stays complete; attach creates the publication or brings it back
to what it should be. At either a running sidecar loads once more, and its answers
are stale until then, and say so.`,
		Args: noArgs,
	}
	c.AddCommand(
		a.publicationChange("detach", "Drop the column lists of the publication", "is detached", replication.DetachPublication),
		a.publicationChange("attach", "Create the publication, or bring it back to what following needs", "is attached", replication.AttachPublication),
	)
	return c
}

func (a *app) publicationChange(name, short, done string, change func(context.Context, *pgx.Conn, replication.PublicationOptions) error) *cobra.Command {
	return &cobra.Command{
		Use:     name,
		Short:   short,
		Example: "  tasker-sidecar publication " + name + " --database-url postgres://owner@db/app",
		Args:    noArgs,
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
			if err := change(c.Context(), conn, publicationOptions(&loaded.Config)); err != nil {
				return replication.Explain(err)
			}
			_, err = fmt.Fprintf(a.stdout, "publication %s %s\n", loaded.Config.Replication.Publication, done)
			return err
		},
	}
}
