package main

import (
	"fmt"
	"regexp"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
)

// benchFlags say what is measured, and of what.
type benchFlags struct {
	suite, only, size, binDir               string
	quick, full                             bool
	rounds, tasks                           int
	seed                                    uint64
	budget, timeout                         time.Duration
	rate                                    float64
	withProjection, withIndex, estimateOnly bool
}

func (f *benchFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.suite, "suite", "claim", "the suite: claim, follow, rows, write, shapes or held")
	flags.StringVar(&f.only, "only", "", "only the cases whose name matches this regular expression")
	flags.StringVar(&f.size, "size", string(bench.Default), "quick, default or full")
	flags.BoolVar(&f.quick, "quick", false, "the same as --size quick: a minute, whose figures are no claims")
	flags.BoolVar(&f.full, "full", false, "the same as --size full: a million tasks, which takes hours")
	flags.IntVar(&f.rounds, "rounds", 0, "samples of each subject; 0: what the suite has")
	flags.Uint64Var(&f.seed, "seed", 1, "makes data sets and samples repeatable")
	flags.DurationVar(&f.budget, "budget", 0, "how long the suite claim may take; 0: 1m for quick, 10m for default, as long as it takes for full")
	flags.DurationVar(&f.timeout, "timeout", 0, "a question that takes longer is cut, and reported as longer than this; 0: 30s, and 1s for quick")
	flags.StringVar(&f.binDir, "bin-dir", "", "directory of the PostgreSQL binaries; found by itself otherwise")
	flags.Float64Var(&f.rate, "rate", 0, "with --database-url: questions a second at the most, one at a time; 0: 100")
	flags.IntVar(&f.tasks, "sample", 0, "with --database-url: about how many tasks, drawn by the seed, is asked; 0: 1000")
	flags.BoolVar(&f.withProjection, "with-projection", false, "with --database-url: ask the rows of tasker_sidecar, too, which a running sidecar keeps")
	flags.BoolVar(&f.withIndex, "with-index", false, "with --database-url: follow the database with a temporary slot, to ask the index and HTTP, too")
	flags.BoolVar(&f.estimateOnly, "estimate", false, "say what the run needs in time and disk, and do nothing")
}

// options are those of the run; everything that is wrong is said at once.
func (f *benchFlags) options(a *app, c *cobra.Command) (o bench.Options, err error) {
	flags := c.Flags()
	switch {
	case f.quick && f.full, (f.quick || f.full) && flags.Changed("size"):
		return o, usageError("--quick, --full and --size exclude each other")
	case f.quick:
		f.size = string(bench.Quick)
	case f.full:
		f.size = string(bench.Full)
	}
	o = bench.Options{
		Suite: f.suite, Size: bench.Size(f.size), Rounds: f.rounds, Seed: f.seed, BinDir: f.binDir, Budget: f.budget, Timeout: f.timeout, Progress: a.benchProgress(),
	}
	if f.only != "" {
		if o.Only, err = regexp.Compile(f.only); err != nil {
			return o, usageError("--only: %s", err)
		}
	}
	// A database is asked only where the command line names it: who runs a sidecar
	// has one in the environment, and may not mean it.
	if !flags.Changed("database-url") {
		for _, name := range []string{"rate", "sample", "with-projection", "with-index"} {
			if flags.Changed(name) {
				return o, usageError("--%s is about a database that is there: name it with --database-url", name)
			}
		}
		return o, nil
	}
	settings, err := a.settings(c)
	if err != nil {
		return o, err
	}
	if _, err := databaseConfig(&settings.Config); err != nil {
		return o, err
	}
	o.Database = &bench.Given{URL: settings.Config.Database.URL.Reveal(), Schema: settings.Config.Database.Schema, Rate: f.rate, Tasks: f.tasks, WithProjection: f.withProjection}
	if f.withIndex {
		follow := replicationOptions(&settings.Config, newLogger(a.stderr, quiet(settings.Config.Log)))
		o.Database.Follow = &follow
	}
	return o, nil
}

// estimate prints what a run with data of its own needs.
func (f *benchFlags) estimate(a *app, o bench.Options) error {
	words, err := bench.Estimate(o)
	if words != "" {
		fmt.Fprintln(a.stderr, "This run needs:", words)
	}
	if err != nil {
		return &codedError{exitUsage, err}
	}
	return nil
}
