package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/verify"
)

func (a *app) verifyCommand() *cobra.Command {
	var asJSON bool
	var from serverFlags
	c := &cobra.Command{
		Use:   "verify",
		Short: "Compare the index with the database's own functions, task by task",
		Long: `Asks the database's own functions and the index about every task (or a sample,
--verify.max-tasks) and reports each field in which they differ. The load on the
database is bounded: one connection, a statement timeout, batches with a pause.

With --database-url it follows the database for the length of the command; with
--server it has a running sidecar compare its own index. With --verify.continuous
it goes on until it is interrupted, and tells of differences as it finds them.

Exit code 1: there are differences.`,
		Example: `  tasker-sidecar verify --database-url postgres://sidecar@db/app
  tasker-sidecar verify --server http://127.0.0.1:8765 --json`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			loaded, err := a.settings(c)
			if err != nil {
				return err
			}
			var report *verify.Report
			if from.given() {
				report, err = verifyServer(c.Context(), &from)
			} else {
				report, err = a.verifyAlone(c.Context(), &loaded.Config)
			}
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(a.stdout, report)
			} else {
				err = report.Write(a.stdout)
			}
			if err == nil && report.DifferenceCount > 0 {
				return errFound
			}
			return err
		},
	}
	from.add(c)
	jsonFlag(c, &asJSON)
	return c
}

func verifyServer(ctx context.Context, from *serverFlags) (*verify.Report, error) {
	// A pass over a large database takes as long as it takes.
	r, err := from.remote(0)
	if err != nil {
		return nil, err
	}
	var report verify.Report
	return &report, r.call(ctx, http.MethodPost, "/v1/verify", url.Values{}, &report)
}

func (a *app) verifyAlone(ctx context.Context, c *config.Config) (*verify.Report, error) {
	logger := newLogger(a.stderr, c.Log)
	f, err := followFor(ctx, c, logger, a.stderr, nil)
	if err != nil {
		return nil, err
	}
	report, err := a.verifyPasses(ctx, c, f)
	if stopped := f.stop(); err == nil {
		err = stopped
	}
	return report, err
}

// verifyPasses makes one pass, or, when continuous, as many as fit until the
// command is interrupted; differences then add up.
func (a *app) verifyPasses(ctx context.Context, c *config.Config, f *following) (*verify.Report, error) {
	database, err := databaseConfig(c)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, database)
	if err != nil {
		return nil, replication.Explain(err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the server notices either way
	options := verifyOptions(c, f.Status().Schema, newLogger(a.stderr, c.Log))
	if !c.Verify.Continuous {
		if isTerminal(a.stderr) {
			var bar *progressbar.ProgressBar
			options.Progress = func(done, total int) {
				if bar == nil {
					bar = newBar(a.stderr, int64(total), "comparing", "tasks")
				}
				_ = bar.Set(done)
			}
		}
		return verify.New(conn, f, options).Pass(ctx)
	}
	options.MaxTasks, options.Pause = c.Verify.ContinuousMaxTasks, c.Verify.ContinuousPause
	verifier, sum := verify.New(conn, f, options), &verify.Report{}
	for {
		report, err := verifier.Pass(ctx)
		sum.Merge(report, options.KeepDifferences)
		if ctx.Err() != nil {
			return sum, nil
		}
		if err != nil {
			return sum, err
		}
		for _, d := range report.Differences {
			fmt.Fprintln(a.stderr, d)
		}
		fmt.Fprintf(a.stderr, "%s %d tasks compared, %d undecided, %d differences\n", time.Now().UTC().Format(time.RFC3339), report.Compared, report.Undecided, report.DifferenceCount)
		if err := verify.Pause(ctx, c.Verify.Interval); err != nil {
			return sum, nil //nolint:nilerr // being interrupted is how it ends
		}
	}
}
