package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
)

func (a *app) readModeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "read-mode",
		Short: "Choose how the drop-in functions answer a role, or the whole database",
		Long: `The drop-in functions answer in one of three modes:

  exact   from the engine's tables, in the caller's own snapshot; the default
  wait    from the written rows, once they cover all that was committed before
  fast    from the written rows, when they are not older than max_staleness

A session's own setting tasker_sidecar.read_mode comes first (SET, SET LOCAL,
PGOPTIONS, variables: in database.yml), then the mode set here for its role, then
the one for the database. Whoever may not write tasker_sidecar.settings cannot set
one here; what is set holds for statements that begin after it.

Exit code 1: unset found nothing to take back.`,
		Args: noArgs,
	}
	c.AddCommand(a.readModeSetCommand(), a.readModeUnsetCommand(), a.readModeListCommand())
	return c
}

// withConnection runs f with a session.
func (a *app) withConnection(c *cobra.Command, f func(conn *pgx.Conn) error) error {
	loaded, err := a.settings(c)
	if err != nil {
		return err
	}
	conn, err := connect(c, &loaded.Config)
	if err != nil {
		return err
	}
	defer closeConn(c, conn)
	return f(conn)
}

// whose names whom a mode is for.
func whose(role string) string {
	if role == "" {
		return "the database"
	}
	return "role " + role
}

func (a *app) readModeSetCommand() *cobra.Command {
	var role string
	c := &cobra.Command{
		Use:   "set MODE",
		Short: "Set the mode of a role, or of the database",
		Example: `  tasker-sidecar read-mode set fast --role reports --database-url postgres://owner@db/app
  tasker-sidecar read-mode set wait --database-url postgres://owner@db/app`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("%s takes one mode, exact, wait or fast; see %s --help", c.CommandPath(), c.CommandPath())
			}
			if err := schema.CheckReadMode(args[0]); err != nil {
				return usageError("%s", err)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return a.withConnection(c, func(conn *pgx.Conn) error {
				if err := schema.SetReadMode(c.Context(), conn, role, args[0]); err != nil {
					return err
				}
				_, err := fmt.Fprintf(a.stdout, "read mode of %s: %s\n", whose(role), args[0])
				return err
			})
		},
	}
	c.Flags().StringVar(&role, "role", "", "the role that it is for; the whole database by default")
	return c
}

func (a *app) readModeUnsetCommand() *cobra.Command {
	var role string
	c := &cobra.Command{
		Use:     "unset",
		Short:   "Take back the mode of a role, or of the database",
		Example: "  tasker-sidecar read-mode unset --role reports --database-url postgres://owner@db/app",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withConnection(c, func(conn *pgx.Conn) error {
				err := schema.UnsetReadMode(c.Context(), conn, role)
				if errors.Is(err, schema.ErrNoReadMode) {
					return &codedError{exitFound, err}
				}
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(a.stdout, "read mode of %s: not set any more\n", whose(role))
				return err
			})
		},
	}
	c.Flags().StringVar(&role, "role", "", "the role that it is for; the whole database by default")
	return c
}

func (a *app) readModeListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the modes that are set",
		Example: "  tasker-sidecar read-mode list --database-url postgres://owner@db/app",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withConnection(c, func(conn *pgx.Conn) error {
				modes, err := schema.ListReadModes(c.Context(), conn)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(a.stdout, modes)
				}
				return a.printReadModes(modes)
			})
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func (a *app) printReadModes(modes []schema.ReadMode) error {
	if len(modes) == 0 {
		_, err := fmt.Fprintln(a.stdout, "none is set: all answers are exact, unless a session says otherwise")
		return err
	}
	for _, m := range modes {
		missing := ""
		if m.Missing {
			missing = "; there is no such role any more"
		}
		fmt.Fprintf(a.stdout, "%-24s %-6s since %s, by %s%s\n", whose(m.Role), m.Mode, m.ChangedAt.UTC().Format(time.RFC3339), m.ChangedBy, missing)
	}
	return nil
}
