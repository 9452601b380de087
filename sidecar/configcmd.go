package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
)

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "See and check the configuration: what holds, where it comes from, what differs",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.configInitCommand(), a.configValidateCommand(), a.configExplainCommand(), a.configGetCommand(), a.configDiffCommand(),
		a.configSchemaCommand(), a.configMigrateCommand(), a.configImportCommand(), a.configSetCommand(), a.configUnsetCommand(),
		a.configHistoryCommand(), a.configRollbackCommand())
	return c
}

// sources are all but the database.
func (a *app) sources(c *cobra.Command) config.Sources {
	return config.Sources{Environ: a.environ, Flags: c.Flags()}
}

// optionNamed refuses a key that is none, with exit code 1.
func optionNamed(key string) (*config.Option, error) {
	if o, ok := config.Lookup(key); ok {
		return o, nil
	}
	if near := config.Nearest(key); near != "" {
		return nil, &codedError{exitFound, fmt.Errorf("%s is not an option; did you mean %s?", key, near)}
	}
	return nil, &codedError{exitFound, fmt.Errorf("%s is not an option; config explain lists all", key)}
}

// problemReport is a problem in JSON.
type problemReport struct {
	Key    string `json:"key,omitempty"`
	Value  string `json:"value,omitempty"`
	Origin string `json:"origin,omitempty"`
	Rule   string `json:"rule"`
}

func problemReports(err error) []problemReport {
	out := []problemReport{}
	var problems config.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			out = append(out, problemReport(p))
		}
	}
	return out
}
