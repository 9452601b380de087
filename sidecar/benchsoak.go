package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/bench/page"
	"github.com/tasker-sidecar/tasker-sidecar/bench/soak"
)

func (a *app) benchSoakCommand() *cobra.Command {
	var o soak.Options
	var jsonFile, htmlFile string
	c := &cobra.Command{
		Use:   "soak",
		Short: "Follow, project and compare under load for long: does anything grow?",
		Long: `Starts a Postgres of its own, has simulated workers play workflows on it and an
archiver delete as many finished tasks as they make, follows them, writes rows,
and compares all the while. Memory, lag, the log held back, tables, goroutines and
connections have to be flat over the second half; docs/benchmarks.md says what
that means. It ends with a verdict, and leaves nothing behind.

Ctrl-C ends it early; the verdict is of the time until then.

Exit code 1: something rises, a difference was found, or it was too short to tell.`,
		Example: "  tasker-sidecar bench soak --duration 1h --json soak.json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Progress = a.progressLine().soak
			report, err := soak.Run(c.Context(), o)
			a.endProgress()
			if report == nil {
				return &codedError{exitUsage, err}
			}
			if err := errors.Join(
				err, writeReport(jsonFile, report.Write), writeReport(htmlFile, func(w io.Writer) error { return page.Soak(w, report) }), report.WriteTable(a.stdout),
			); err != nil {
				return err
			}
			if report.Verdict != soak.Good {
				return errFound
			}
			return nil
		},
	}
	flags := c.Flags()
	flags.DurationVar(&o.Duration, "duration", 0, "how long load runs; 0: ten minutes")
	flags.DurationVar(&o.Every, "every", 0, "how often samples are taken; 0: every two seconds, more often in short runs")
	flags.Float64Var(&o.Rate, "rate", 0, "transactions that the workers commit a second; 0: 200")
	flags.IntVar(&o.Tasks, "tasks", 0, "tasks in the database; 0: 2000")
	flags.Uint64Var(&o.Seed, "seed", 1, "makes workflows and failures repeatable")
	flags.StringVar(&o.BinDir, "bin-dir", "", "directory of the PostgreSQL binaries; found by itself otherwise")
	flags.StringVar(&jsonFile, "json", "", "write the report with its samples to this file")
	flags.StringVar(&htmlFile, "html", "", "write it as a page with plots to this file")
	return c
}
