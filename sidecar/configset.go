package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/user"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/config/store"
)

func (a *app) configSetCommand() *cobra.Command {
	var f editFlags
	c := &cobra.Command{
		Use:   "set KEY VALUE",
		Short: "Set an option for all sidecars of a database, in the database",
		Long: `Stores the value of an option in the database. Sidecars that run take it over at
once, or say that it waits for a restart; files lose to it, variables and flags win.

It is checked together with everything else that this command is configured with:
give it the same file as the sidecar. Every change is kept, see config history.`,
		Example: `  tasker-sidecar config set log.level debug --reason 'tickets come in' --database-url postgres://sidecar@db/app
  tasker-sidecar config set maintenance.exclude 'reports/*/*,payments/refund/*'
  tasker-sidecar config set maintenance.quiet_period@payments/refund 10m`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError("%s takes the key of an option and its value; see %[1]s --help", c.CommandPath())
			}
			return storable(args[0])
		},
		RunE: func(c *cobra.Command, args []string) error {
			option, _, _ := config.SplitKey(args[0]) // as it was checked
			o, _ := config.Lookup(option)
			return a.edit(c, &f, []store.Edit{store.NewEdit(args[0], store.Encode(o, config.Value{Text: args[1]}))})
		},
	}
	f.add(c)
	return c
}

func (a *app) configUnsetCommand() *cobra.Command {
	var f editFlags
	c := &cobra.Command{
		Use:   "unset KEY",
		Short: "Take the value of an option out of the database, so that other sources say it",
		Long: `Takes the value of an option out of the database. It can also be one that is wrong,
or no option any more, and keeps sidecars from starting.

Exit code 1: nothing was stored for it.`,
		Example: "  tasker-sidecar config unset log.level",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("%s takes the key of an option; see %[1]s --help", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return a.edit(c, &f, []store.Edit{store.NewEdit(args[0], nil)})
		},
	}
	f.add(c)
	return c
}

// storable refuses what cannot be stored in the database.
func storable(key string) error {
	option, _, err := config.SplitKey(key)
	if err != nil {
		return usageError("%s %s", key, err)
	}
	o, known := config.Lookup(option)
	if !known {
		if near := config.Nearest(key); near != "" {
			return usageError("%s is not an option; did you mean %s?", key, near)
		}
		return usageError("%s is not an option; docs/configuration.md has all", key)
	}
	if why := o.NotStored(); why != "" {
		return usageError("%s %s", key, why)
	}
	return nil
}

// editFlags are those of commands that change what is stored.
type editFlags struct {
	reason string
	asJSON bool
}

func (f *editFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.reason, "reason", "", "why, for people; it is kept with the change")
	jsonFlag(c, &f.asJSON)
}

// edit makes changes and prints them.
func (a *app) edit(c *cobra.Command, f *editFlags, edits []store.Edit) error {
	return a.withStore(c, func(ctx context.Context, conn *pgx.Conn) error {
		made, err := store.Write(ctx, conn, f.who(), edits, a.checked(c, edits))
		if err != nil {
			return err
		}
		if err := a.printChanges(f.asJSON, made); err != nil {
			return err
		}
		if len(made) == 0 && edits[0].Value == nil {
			return errFound
		}
		return nil
	})
}

func (f *editFlags) who() store.Who {
	name := "somebody"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return store.Who{AskedBy: name, Reason: f.reason}
}

// withStore runs f with a session, for as long as a change may take.
func (a *app) withStore(c *cobra.Command, f func(context.Context, *pgx.Conn) error) error {
	first, err := config.Bootstrap(a.sources(c))
	if err != nil {
		return &codedError{exitUsage, err}
	}
	conn, err := connectTo(c.Context(), first)
	if err != nil {
		return err
	}
	defer closeConn(c, conn)
	ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
	defer cancel()
	return f(ctx, conn)
}

// checked refuses a configuration that is wrong. One that only takes values back
// need not mend everything: it may not make anything wrong that was right.
func (a *app) checked(c *cobra.Command, edits []store.Edit) func([]store.Setting) error {
	removes := true
	for i := range edits {
		removes = removes && edits[i].Value == nil
	}
	return func(after []store.Setting) error {
		_, err := store.Load(a.sources(c), after)
		if problems, ok := err.(config.Problems); ok && removes { //nolint:errorlint // the very type, as it is given
			for _, p := range problems {
				if !fromDatabase(p, after) {
					return &codedError{exitUsage, err}
				}
			}
			return nil
		}
		if err != nil {
			return &codedError{exitUsage, fmt.Errorf("nothing was changed: %w", err)}
		}
		return nil
	}
}

// fromDatabase says whether a problem is about what remains stored.
func fromDatabase(p config.Problem, after []store.Setting) bool {
	for i := range after {
		if after[i].Name() == p.Key {
			return true
		}
	}
	return false
}

// printChanges tells what was made.
func (a *app) printChanges(asJSON bool, made []store.Change) error {
	if asJSON {
		return writeJSON(a.stdout, map[string]any{"changes": append([]store.Change{}, made...)})
	}
	if len(made) == 0 {
		_, err := fmt.Fprintln(a.stdout, "nothing changes: it is so already")
		return err
	}
	for i := range made {
		m := &made[i]
		if _, err := fmt.Fprintf(a.stdout, "change %d: %s: %s → %s\n", m.Change, m.Name(), plain(m.Old), plain(m.New)); err != nil {
			return err
		}
	}
	return nil
}

// plain is a stored value for people.
func plain(raw json.RawMessage) string {
	if raw == nil || string(raw) == "null" {
		return "not set"
	}
	return string(raw)
}
