package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
)

// dumpScript writes the engine's configuration as YAML, inside an application.
//
//go:embed engine_config.rb
var dumpScript string

func (a *app) configImportCommand() *cobra.Command {
	var all, write, script, asJSON bool
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Take over what an application configures its engine with",
		Long: `Reads a dump of the engine's configuration, checks it, and prints it as the section
engine of a configuration file: what differs from the engine's defaults, or with
--all everything that the dump says. With --write it is put into the file that
--config names, in the place of the section engine there; the rest of the file stays
as it is.

A running application makes the dump, with the script that --script prints:

  tasker-sidecar config import --script > engine_config.rb
  bin/rails runner engine_config.rb > engine.yml

Passwords are not in it, and would not be printed. Exit code 1: the dump has
something that is not right; all of it is told, with line and column.`,
		Example: `  tasker-sidecar config import engine.yml
  tasker-sidecar config import engine.yml --config tasker.yml --write`,
		Args: func(_ *cobra.Command, args []string) error {
			if script != (len(args) == 0) || len(args) > 1 {
				return usageError("give the file to import, or --script for what makes it; see tasker-sidecar config import --help")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if script {
				_, err := fmt.Fprint(a.stdout, dumpScript)
				return err
			}
			imported, err := importEngine(args[0])
			if err != nil {
				return err
			}
			options := imported.Options(all)
			switch {
			case asJSON:
				values := map[string]string{}
				for _, o := range options {
					values[o.Key] = imported.Config.Text(o.Key)
				}
				err = writeJSON(a.stdout, values)
			case !write:
				_, err = a.stdout.Write(imported.YAML(options))
			}
			if err == nil && write {
				err = a.writeEngine(c, imported.YAML(options))
			}
			return err
		},
	}
	c.Flags().BoolVar(&all, "all", false, "also what is as the engine has it by default")
	c.Flags().BoolVar(&write, "write", false, "put it into the file that --config names")
	c.Flags().BoolVar(&script, "script", false, "print the Ruby script that makes the dump")
	jsonFlag(c, &asJSON)
	return c
}

// importEngine reads a dump.
func importEngine(path string) (*config.Imported, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError("the dump of the engine's configuration cannot be read: %s", err)
	}
	imported, err := config.ImportEngine(path, data)
	if err != nil {
		return nil, &codedError{exitFound, err}
	}
	return imported, nil
}

// writeEngine puts a section engine into the configuration file, once it is sure
// that the result is valid.
func (a *app) writeEngine(c *cobra.Command, section []byte) error {
	sources := a.sources(c)
	path := sources.Path()
	if path == "" {
		return usageError("--write needs the file to write to: --config FILE")
	}
	path, err := filepath.EvalSymlinks(path) // the file is replaced, not a link to it
	if err != nil {
		return usageError("the configuration file cannot be read: %s", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return usageError("the configuration file cannot be read: %s", err)
	}
	changed, err := config.ReplaceEngine(path, data, section)
	if err != nil {
		return &codedError{exitFound, err}
	}
	sources.File = path
	sources.ReadFile = func(name string) ([]byte, error) {
		if name == path {
			return changed, nil
		}
		return os.ReadFile(name)
	}
	if _, err := config.Load(sources); err != nil {
		return &codedError{exitFound, fmt.Errorf("%s stays as it is, because with this section it would not be valid: %w", path, err)}
	}
	if err := replaceFile(path, changed); err != nil {
		return fmt.Errorf("writing the configuration file: %w", err)
	}
	return nil
}
