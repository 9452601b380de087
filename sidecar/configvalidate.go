package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// validation is what config validate found.
type validation struct {
	Valid       bool            `json:"valid"`
	Environment string          `json:"environment"`
	Files       []string        `json:"files"`
	Problems    []problemReport `json:"problems"`
	Warnings    []string        `json:"warnings"`
}

func (a *app) configValidateCommand() *cobra.Command {
	var asJSON bool
	var stored storedFlag
	c := &cobra.Command{
		Use:   "validate",
		Short: "Check the configuration as it would be read, and start nothing",
		Long: `Reads the configuration from its files, the variables and the flags, as run would,
and tells all that is wrong, each with its place. Parts for environments and
conditions that are not selected are checked as far as that can be done. What is
stored in the database is checked, too, if one is configured and answers.

Exit code 1: something is wrong.`,
		Example: `  tasker-sidecar config validate --config tasker.yml
  tasker-sidecar config validate --config tasker.yml --environment production --json`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			loaded, err := stored.loaded(a, c)
			found := validation{Valid: err == nil, Files: []string{}, Problems: problemReports(err), Warnings: []string{}}
			if err == nil {
				found.Environment, found.Files = loaded.Environment, append(found.Files, loaded.Files...)
				found.Warnings = append(found.Warnings, loaded.Warnings...)
			} else if len(found.Problems) == 0 {
				return err
			}
			if asJSON {
				if err := writeJSON(a.stdout, found); err != nil {
					return err
				}
			} else {
				a.tellValidation(&found, err)
			}
			if err != nil {
				return errFound
			}
			return nil
		},
	}
	stored.add(c)
	jsonFlag(c, &asJSON)
	return c
}

func (a *app) tellValidation(v *validation, err error) {
	for _, w := range v.Warnings {
		fmt.Fprintln(a.stdout, "warning:", w)
	}
	switch {
	case err != nil:
		fmt.Fprintln(a.stdout, err)
	case len(v.Files) == 0:
		fmt.Fprintln(a.stdout, "valid; no file was named")
	case v.Environment == "":
		fmt.Fprintf(a.stdout, "valid: %s\n", strings.Join(v.Files, ", "))
	default:
		fmt.Fprintf(a.stdout, "valid for %s: %s\n", v.Environment, strings.Join(v.Files, ", "))
	}
}
