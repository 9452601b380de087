package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
)

// migrated is what config migrate did, or would do.
type migrated struct {
	File    string       `json:"file"`
	Changed bool         `json:"changed"`
	Written bool         `json:"written"`
	Lines   []lineChange `json:"lines"`
}

type lineChange struct {
	Line   int    `json:"line"`
	Before string `json:"before"`
	After  string `json:"after"`
}

func (a *app) configMigrateCommand() *cobra.Command {
	var asJSON, write bool
	c := &cobra.Command{
		Use:   "migrate FILE",
		Short: "Show what a file of an older version would have to be, or write it",
		Long: `Shows the lines of a file that are written otherwise in today's version of its form;
with --write they are changed in the file, and nothing else in it. Files that it
extends, and those of environments, are migrated by themselves.

Exit code 1: it is of an older version, and was not written.`,
		Example: "  tasker-sidecar config migrate tasker.yml\n  tasker-sidecar config migrate tasker.yml --write",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("%s takes one file", c.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			m, after, err := migrate(args[0])
			if err != nil {
				return err
			}
			if write && m.Changed {
				if err := replaceFile(args[0], after); err != nil {
					return usageError("%s", err)
				}
				m.Written = true
			}
			if asJSON {
				err = writeJSON(a.stdout, m)
			} else {
				a.tellMigrated(m)
			}
			if err == nil && m.Changed && !m.Written {
				return errFound
			}
			return err
		},
	}
	c.Flags().BoolVar(&write, "write", false, "change the file")
	jsonFlag(c, &asJSON)
	return c
}

func migrate(path string) (*migrated, []byte, error) {
	before, err := os.ReadFile(path)
	var at *fs.PathError
	if errors.As(err, &at) {
		return nil, nil, usageError("%s cannot be read: %s", path, at.Err)
	}
	if err != nil {
		return nil, nil, usageError("%s cannot be read: %s", path, err)
	}
	after, err := config.Migrate(path, before)
	if err != nil {
		return nil, nil, &codedError{exitUsage, err}
	}
	m := &migrated{File: path, Lines: []lineChange{}}
	new := strings.Split(string(after), "\n")
	for i, line := range strings.Split(string(before), "\n") { // lines stay in their places
		if line != new[i] {
			m.Changed = true
			m.Lines = append(m.Lines, lineChange{i + 1, line, new[i]})
		}
	}
	return m, after, nil
}

// replaceFile writes beside the file and renames, so that nobody reads half of
// it.
func replaceFile(path string, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	beside := path + ".migrated"
	if err := os.WriteFile(beside, data, info.Mode().Perm()); err != nil {
		return err
	}
	return os.Rename(beside, path)
}

func (a *app) tellMigrated(m *migrated) {
	if !m.Changed {
		fmt.Fprintf(a.stdout, "%s is of version %d, today's\n", m.File, config.Version)
		return
	}
	fmt.Fprintf(a.stdout, "--- %s\n+++ %s\n", m.File, m.File)
	for _, l := range m.Lines {
		fmt.Fprintf(a.stdout, "@@ -%d +%d @@\n-%s\n+%s\n", l.Line, l.Line, l.Before, l.After)
	}
	if m.Written {
		fmt.Fprintf(a.stdout, "%s was written\n", m.File)
	} else {
		fmt.Fprintln(a.stdout, "nothing was written; --write does")
	}
}
