package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
	"github.com/tasker-sidecar/tasker-sidecar/bench/compare"
)

func (a *app) benchCompareCommand() *cobra.Command {
	var asJSON, all bool
	var tolerance float64
	c := &cobra.Command{
		Use:   "compare BEFORE.json AFTER.json",
		Short: "Say what has changed between two runs, beyond noise",
		Long: `Compares two reports that bench --json has written, of the same suite and size.
A figure has changed when its rounds can be told apart, chance and the number of
figures considered, and when it has changed by more than the tolerance and by
more than its baseline, which nobody has changed, has moved. docs/benchmarks.md
says how.

Exit code 1: something has become worse, or failed. Exit code 2: the reports
cannot be compared.`,
		Example: "  tasker-sidecar bench compare before.json after.json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError("two reports are expected, the earlier one first; %d files were given", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			before, err := readReport(args[0])
			if err != nil {
				return err
			}
			after, err := readReport(args[1])
			if err != nil {
				return err
			}
			comparison, err := compare.Reports(before, after, compare.Options{Tolerance: tolerance})
			if err != nil {
				return usageError("%s and %s: %w", args[0], args[1], err)
			}
			if asJSON {
				err = writeJSON(a.stdout, comparison)
			} else {
				err = comparison.Write(a.stdout, all)
			}
			if err == nil && comparison.Regressed() {
				return errFound
			}
			return err
		},
	}
	jsonFlag(c, &asJSON)
	c.Flags().BoolVar(&all, "all", false, "list the figures that are the same, too")
	c.Flags().Float64Var(&tolerance, "tolerance", 0.1, "the share by which a figure may change and still be the same")
	return c
}

// readReport reads a report from a file.
func readReport(name string) (*bench.Report, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, &codedError{exitUsage, err}
	}
	defer file.Close()
	report, err := bench.Read(file)
	if err != nil {
		return nil, &codedError{exitUsage, fmt.Errorf("%s: %w", name, err)}
	}
	return report, nil
}
