package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
)

// app is what all subcommands share.
type app struct {
	environ        []string
	stdout, stderr io.Writer
}

const rootHelp = `tasker-sidecar follows a database with the tasker engine's tables by logical
replication and knows, within milliseconds of each commit and without asking the
database, which steps can run now and why the others cannot.

Exit codes: 0 done; 1 done, and something is wrong (differences, errors found);
2 the command line or the configuration is wrong; 3 the database or the server
cannot be reached or used; 4 a transition was refused, and nothing changed; 130 a second signal cut the closing short.`

const rootExample = `  tasker-sidecar doctor --database-url postgres://sidecar@db/app
  tasker-sidecar run    --database-url postgres://sidecar@db/app
  tasker-sidecar why step 4711
  tasker-sidecar demo`

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:     "tasker-sidecar",
		Short:   "Know what can run in a tasker database, and why not the rest",
		Long:    rootHelp,
		Example: rootExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError("there is no command %q; tasker-sidecar --help lists them", args[0])
			}
			return nil
		},
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	config.AddFlags(root.PersistentFlags())
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError("%s; see %s --help", err, c.CommandPath())
	})
	root.AddCommand(
		a.runCommand(), a.demoCommand(), a.doctorCommand(), a.verifyCommand(), a.statusCommand(), a.whyCommand(),
		a.readyCommand(), a.transitionCommand(), a.historyCommand(), a.eventsCommand(), a.maintenanceCommand(), a.configCommand(), a.installCommand(), a.uninstallCommand(), a.readModeCommand(), a.publicationCommand(), a.testbedCommand(), a.tokenCommand(), a.benchCommand(), a.versionCommand(),
	)
	return root
}

// settings reads the configuration from all its sources.
func (a *app) settings(c *cobra.Command) (*config.Loaded, error) {
	loaded, err := config.Load(a.sources(c))
	if err != nil {
		return nil, &codedError{exitUsage, err}
	}
	for _, w := range loaded.Warnings {
		fmt.Fprintln(a.stderr, "warning:", w)
	}
	return loaded, nil
}

// noArgs refuses arguments with a message for people.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError("%s takes no argument, but %q was given; see %s --help", c.CommandPath(), args[0], c.CommandPath())
	}
	return nil
}
