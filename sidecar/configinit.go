package main

import (
	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
)

func (a *app) configInitCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "init",
		Short:   "Print a commented file with all options and their defaults",
		Example: "  tasker-sidecar config init >tasker.yml",
		Args:    noArgs,
		RunE:    func(*cobra.Command, []string) error { return config.WriteExample(a.stdout) },
	}
}

func (a *app) configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of configuration files, for editors",
		Long: `Prints the JSON Schema (draft 2020-12) of configuration files. An editor that knows
YAML completes and checks by it when the file names it in its first lines:
# yaml-language-server: $schema=tasker.schema.json`,
		Example: "  tasker-sidecar config schema >tasker.schema.json",
		Args:    noArgs,
		RunE:    func(*cobra.Command, []string) error { return config.WriteSchema(a.stdout) },
	}
}
