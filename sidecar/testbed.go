package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func (a *app) testbedCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "testbed",
		Short: "A stand-in for the engine's side, for trying things out",
		Args:  noArgs,
	}
	c.AddCommand(a.testbedInstallCommand())
	return c
}

func (a *app) testbedInstallCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "install",
		Short: "Put the engine's tables, functions and view into an empty database",
		Long: `Creates the tables, indexes, functions and the view of the tasker engine, as a
stand-in for demonstrations, tests and measurements. It is not for production: a
Rails application creates its own. A database that has any of it is refused and
left as it is.

--rules chooses which version of the readiness functions is installed, v01 or
v02 (auto means v02); --schema where, public by default.`,
		Example: "  createdb lab && tasker-sidecar testbed install --database-url postgres://localhost/lab --rules v01",
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
			options := testbedOptions(&loaded.Config)
			if err := testbed.Install(c.Context(), conn, options); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "installed the engine's tables, functions (rules %s) and view; this is a stand-in, not for production\n", options.Rules)
			return err
		},
	}
}

func testbedOptions(c *config.Config) testbed.Options {
	o := testbed.Options{Schema: c.Database.Schema, Rules: rulesOverride(c)}
	if o.Rules == 0 {
		o.Rules = tasker.RulesV02
	}
	return o
}
