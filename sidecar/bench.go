package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
)

func (a *app) benchCommand() *cobra.Command {
	var suite, only, size, jsonFile, markdownFile, benchstatFile, binDir string
	var rounds int
	var seed uint64
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure, each figure beside its baseline in the same run",
		Long: `Runs a suite of measurements on a Postgres of its own, which is gone afterwards,
and prints a table. Every figure is taken in rounds that alternate with those of
its baseline; a ratio is claimed only when it is larger than the noise.

Ctrl-C ends it; what has been measured by then is reported.

Exit code 1: a goal was not reached, or a case failed.`,
		Example: `  tasker-sidecar bench --size quick
  tasker-sidecar bench --suite follow --only 'levels|health' --json figures.json`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			options := bench.Options{Suite: suite, Size: bench.Size(size), Rounds: rounds, Seed: seed, BinDir: binDir, Progress: a.benchProgress()}
			if only != "" {
				pattern, err := regexp.Compile(only)
				if err != nil {
					return usageError("--only: %s", err)
				}
				options.Only = pattern
			}
			report, err := bench.Run(c.Context(), options)
			if report == nil {
				return &codedError{exitUsage, err}
			}
			if writeErr := errors.Join(
				writeReport(jsonFile, report.Write), writeReport(markdownFile, report.WriteMarkdown), writeReport(benchstatFile, report.WriteBenchstat),
				report.WriteTable(a.stdout),
			); writeErr != nil {
				return writeErr
			}
			if err == nil && !report.Passed() {
				return errFound
			}
			return err
		},
	}
	c.AddCommand(a.benchCompareCommand())
	flags := c.Flags()
	flags.StringVar(&suite, "suite", "follow", "the suite")
	flags.StringVar(&only, "only", "", "only the cases whose name matches this regular expression")
	flags.StringVar(&size, "size", string(bench.Default), "quick, default or full")
	flags.IntVar(&rounds, "rounds", 0, "samples of each subject; 0: what the size has")
	flags.Uint64Var(&seed, "seed", 1, "makes data sets repeatable")
	flags.StringVar(&binDir, "bin-dir", "", "directory of the PostgreSQL binaries; found by itself otherwise")
	flags.StringVar(&jsonFile, "json", "", "write the report with its raw samples to this file")
	flags.StringVar(&markdownFile, "markdown", "", "write it as a Markdown table to this file")
	flags.StringVar(&benchstatFile, "benchstat", "", "write it for benchstat to this file")
	return c
}

// benchProgress shows on standard error what is being done.
func (a *app) benchProgress() func(bench.Progress) {
	start := time.Now()
	return func(p bench.Progress) {
		line := fmt.Sprintf("%6s  %d/%d  %s: %s", time.Since(start).Round(time.Second), p.Index, p.Cases, p.Case, p.Stage)
		if isTerminal(a.stderr) {
			fmt.Fprintf(a.stderr, "\r\x1b[2K%.110s", line)
			return
		}
		fmt.Fprintln(a.stderr, line)
	}
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
