package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
)

func (a *app) configDiffCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "diff A B",
		Short: "Say what differs between two files, or one file in two environments",
		Long: `Lists the options that two configurations have different values of. Each is a file,
or FILE@ENVIRONMENT for what it is in an environment. Options of variables and flags
are left out on both sides; secrets are compared and masked.

Exit code 1: something differs.`,
		Example: `  tasker-sidecar config diff tasker.yml@staging tasker.yml@production
  tasker-sidecar config diff old.yml new.yml --json`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError("%s takes two files, each FILE or FILE@ENVIRONMENT", c.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			var sides [2]*config.Loaded
			for i, arg := range args {
				var err error
				if sides[i], err = a.side(arg); err != nil {
					return err
				}
			}
			changes := config.Diff(sides[0], sides[1])
			if asJSON {
				if err := writeJSON(a.stdout, append([]config.Change{}, changes...)); err != nil {
					return err
				}
			} else {
				for _, d := range changes {
					fmt.Fprintf(a.stdout, "%s\n  - %s (%s)\n  + %s (%s)\n", d.Key, d.Before.Value, d.Before.Origin, d.After.Value, d.After.Origin)
				}
			}
			if len(changes) > 0 {
				return errFound
			}
			return nil
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

// side reads FILE or FILE@ENVIRONMENT.
func (a *app) side(arg string) (*config.Loaded, error) {
	file, environment, _ := strings.Cut(arg, "@")
	var rest []string // variables that values name, but no options
	for _, entry := range a.environ {
		if !strings.HasPrefix(entry, config.EnvPrefix) && !strings.HasPrefix(entry, "RAILS_ENV=") {
			rest = append(rest, entry)
		}
	}
	loaded, err := config.Load(config.Sources{File: file, Environment: environment, Environ: rest})
	if err != nil {
		return nil, &codedError{exitUsage, fmt.Errorf("%s: %w", arg, err)}
	}
	return loaded, nil
}
