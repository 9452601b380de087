package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
	"github.com/tasker-sidecar/tasker-sidecar/bench/page"
)

func (a *app) benchCommand() *cobra.Command {
	var jsonFile, markdownFile, benchstatFile, htmlFile string
	var f benchFlags
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure, each figure beside its baseline in the same run",
		Long: `Puts every question to everybody who can answer it: the engine's own functions,
our drop-in functions in their read modes, HTTP, and the index in this process.
First all answers are compared; a difference ends the run. Then each is timed,
in rounds that alternate; a ratio is claimed only when it is larger than the
noise.

Without --database-url it starts a Postgres of its own, fills it, and removes it
afterwards. With it, a database that is there is asked about its own tasks: by
one question at a time, at a bounded rate, in sessions that cannot write.

Ctrl-C ends it; what has been measured by then is reported, and what was made is
removed.

Exit code 1: a goal was not reached, a case failed, or answers differ.`,
		Example: `  tasker-sidecar bench --quick
  tasker-sidecar bench --json figures.json
  tasker-sidecar bench --database-url postgres://reader@db/app --rate 20
  tasker-sidecar bench --suite follow --only 'snapshot|start'`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			options, err := f.options(a, c)
			if err != nil {
				return err
			}
			if f.estimateOnly || options.Size == bench.Full && options.Database == nil {
				if err := f.estimate(a, options); err != nil || f.estimateOnly {
					return err
				}
			}
			report, err := bench.Run(c.Context(), options)
			a.endProgress()
			if report == nil {
				return &codedError{exitUsage, err}
			}
			if writeErr := errors.Join(
				writeReport(jsonFile, report.Write), writeReport(markdownFile, report.WriteMarkdown), writeReport(benchstatFile, report.WriteBenchstat),
				writeReport(htmlFile, func(w io.Writer) error { return page.Report(w, report) }),
				report.WriteTable(a.stdout),
			); writeErr != nil {
				return writeErr
			}
			if err == nil && !report.Passed() {
				return errFound
			}
			if report.Meta.Interrupted {
				return errors.New("interrupted: the report has what was measured by then")
			}
			return err
		},
	}
	c.AddCommand(a.benchCompareCommand(), a.benchSoakCommand())
	flags := c.Flags()
	f.add(flags)
	flags.StringVar(&jsonFile, "json", "", "write the report with its raw samples to this file")
	flags.StringVar(&htmlFile, "html", "", "write it as a page with plots, one file that needs nothing else, to this file")
	flags.StringVar(&markdownFile, "markdown", "", "write it as a Markdown table to this file")
	flags.StringVar(&benchstatFile, "benchstat", "", "write it for benchstat to this file")
	return c
}

// writeReport writes a file whole or not at all; no name, no file.
func writeReport(name string, write func(io.Writer) error) error {
	if name == "" {
		return nil
	}
	var content bytes.Buffer
	if err := write(&content); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	temporary := name + ".tmp"
	if err := os.WriteFile(temporary, content.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, name)
}
