package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) configGetCommand() *cobra.Command {
	var asJSON bool
	var about taskFlags
	var stored storedFlag
	c := &cobra.Command{
		Use:   "get KEY",
		Short: "Print the value of an option, and nothing else",
		Long: `Prints what holds for an option, as it would be written; a secret is masked. What is
stored in the database counts if one is configured and answers.

Exit code 1: there is no such option.`,
		Example: "  tasker-sidecar config get http.max_wait --config tasker.yml --environment production",
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) != 1:
				return usageError("%s takes the key of one option", c.CommandPath())
			case about.step != "" && about.task == 0:
				return usageError("--step needs --task")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			o, err := optionNamed(args[0])
			if err != nil {
				return err
			}
			loaded, err := stored.settings(a, c)
			if err != nil {
				return err
			}
			workflow, err := about.workflow(c, &loaded.Config)
			if err != nil {
				return err
			}
			setting := loaded.SettingFor(o.Key, workflow)
			if asJSON {
				return writeJSON(a.stdout, setting)
			}
			_, err = fmt.Fprintln(a.stdout, setting.Value)
			return err
		},
	}
	about.add(c)
	stored.add(c)
	jsonFlag(c, &asJSON)
	return c
}
