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
		Short: "Let go of the engine's tables for a migration, and take them again",
		Long: `A publication with column lists keeps migrations from dropping or retyping a
listed column. detach takes the tables out of it, attach brings it back to the
state in which it was made. In between a running sidecar's answers are stale, and
say so.`,
		Args: noArgs,
	}
	c.AddCommand(
		a.publicationChange("detach", "Take the engine's tables out of the publication", "is detached", replication.DetachPublication),
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
