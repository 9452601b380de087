package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/config/live"
	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show all of it on a database of its own",
		Long: `Starts a Postgres (or uses the one named by TASKER_SIDECAR_TEST_DATABASE_URL, in
a database of its own), installs a stand-in for the engine's tables and functions
and the schemas of tasker-sidecar install, has simulated Rails workers play workflows with failures on it, follows them, and
compares its answers with the functions' all the while. It prints addresses that
one can curl, and ends with a verdict; what it started it removes.

Ctrl-C ends it, or --demo-seconds, or the variable DEMO_SECONDS.`,
		Example: "  tasker-sidecar demo\n  DEMO_SECONDS=20 tasker-sidecar demo --demo.commits-per-second 1000",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			loaded, err := a.settings(c)
			if err != nil {
				return err
			}
			settings := loaded.Config
			if err := a.demoSeconds(&settings); err != nil {
				return err
			}
			return a.demo(c.Context(), &settings)
		},
	}
}

// demoSeconds takes DEMO_SECONDS where the configuration does not say.
func (a *app) demoSeconds(c *config.Config) error {
	for _, entry := range a.environ {
		text, ok := strings.CutPrefix(entry, "DEMO_SECONDS=")
		if !ok || text == "" || c.Demo.Seconds != 0 {
			continue
		}
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 0 || seconds > 86400 {
			return usageError("DEMO_SECONDS is %q: a whole number of seconds, at most 86400, is expected", text)
		}
		c.Demo.Seconds = seconds
	}
	return nil
}

func (a *app) demo(ctx context.Context, c *config.Config) error {
	fmt.Fprintln(a.stdout, "looking for a Postgres …")
	server, err := postgres.Start(ctx, postgres.Options{Log: func(line string) { fmt.Fprintln(a.stdout, " ", line) }})
	if err != nil {
		return err
	}
	defer server.Stop(context.WithoutCancel(ctx)) //nolint:errcheck // a watchdog removes it in any case
	fmt.Fprintf(a.stdout, "%s\n", server)
	url, drop, err := demoDatabase(ctx, server, c)
	if err != nil {
		return err
	}
	defer drop()
	return a.playDemo(ctx, c, url)
}

// demoDatabase makes a database with the engine's side in it; drop removes it.
func demoDatabase(ctx context.Context, server *postgres.Server, c *config.Config) (url string, drop func(), err error) {
	name := fmt.Sprintf("tasker_sidecar_demo_%d", time.Now().UnixNano())
	if err := execute(ctx, server.URL(), "CREATE DATABASE "+name); err != nil {
		return "", nil, fmt.Errorf("creating the demonstration's database: %w", err)
	}
	drop = func() {
		// It may have been interrupted; the database goes all the same.
		_ = execute(context.WithoutCancel(ctx), server.URL(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	}
	url = server.DatabaseURL(name)
	conn, err := pgx.Connect(ctx, url)
	if err == nil {
		err = errors.Join(installDemo(ctx, conn, testbedOptions(c)), conn.Close(ctx))
	}
	if err != nil {
		drop()
		return "", nil, err
	}
	return url, drop, nil
}

// installDemo puts the engine's side and ours into an empty database.
func installDemo(ctx context.Context, conn *pgx.Conn, o testbed.Options) error {
	if err := testbed.Install(ctx, conn, o); err != nil {
		return err
	}
	return schema.Install(ctx, conn, schema.Options{Engine: o.Schema, Steps: dropIns(o.Rules, false)})
}

func execute(ctx context.Context, url, statement string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// playDemo follows and plays until it is time, and gives the verdict.
func (a *app) playDemo(ctx context.Context, c *config.Config, url string) error {
	c.Database.URL, c.Database.Schema = config.Secret(url), ""
	c.Verify.Continuous, c.Verify.Interval, c.Verify.ContinuousPause = true, time.Second, 0
	logger := hclog.New(&hclog.LoggerOptions{Name: "tasker-sidecar", Level: hclog.Warn, Output: a.stderr})
	service, err := newService(live.New(&config.Loaded{Config: *c}), nil, logger)
	if err != nil {
		return err
	}
	play, closePlayer, err := newDemoPlayer(ctx, c, url)
	if err != nil {
		return err
	}
	defer closePlayer()

	// Three lives: what plays ends first, then the last comparison is made,
	// then what follows ends.
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	following := make(chan error, 1)
	go func() { following <- service.run(serving) }()

	playing, stopPlaying := context.WithCancel(ctx)
	defer stopPlaying()
	if c.Demo.Seconds > 0 {
		playing, stopPlaying = context.WithTimeout(ctx, time.Duration(c.Demo.Seconds)*time.Second)
		defer stopPlaying()
	}
	var group errgroup.Group
	group.Go(func() error { return play.Run(playing) })
	screen := &demoScreen{w: a.stdout, service: service, player: play, live: isTerminal(a.stdout)}
	ended := screen.run(playing, following)
	stopPlaying()
	err = errors.Join(ended, group.Wait())
	if err == nil {
		err = a.verdict(serving, service, play)
	}
	stopServing()
	if ended == nil {
		err = errors.Join(err, <-following)
	}
	return err
}

func newDemoPlayer(ctx context.Context, c *config.Config, url string) (*player.Player, func(), error) {
	pool, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, nil, err
	}
	pool.MaxConns = int32(c.Demo.Workers) + 2 //nolint:gosec // checked to be small
	connections, err := pgxpool.NewWithConfig(ctx, pool)
	if err != nil {
		return nil, nil, err
	}
	p, err := player.New(connections, player.Options{
		Workers: c.Demo.Workers, Rate: c.Demo.CommitsPerSecond, Seed: uint64(c.Demo.Seed), //nolint:gosec // not negative
		FailureRate: c.Demo.FailureRate, BackoffRate: 0.2, BackoffSeconds: 3, DeathRate: 0.01, RaceRate: 0.02, SplitRate: 0.2, GrowthRate: 0.01,
		HandlerTime: 5 * time.Millisecond,
		Operator:    player.Operator{Retry: 6, Resolve: 2, Cancel: 1},
	})
	if err != nil {
		connections.Close()
		return nil, nil, err
	}
	return p, connections.Close, nil
}

// verdict makes a last comparison, of everything, when nothing moves any more.
func (a *app) verdict(ctx context.Context, s *service, play *player.Player) error {
	report, err := s.verifier.once(ctx)
	if err != nil {
		return fmt.Errorf("the last comparison: %w", err)
	}
	before := s.verifier.Status()
	fmt.Fprintln(a.stdout)
	if err := report.Write(a.stdout); err != nil {
		return err
	}
	counters := play.Counters()
	found := before.Differences
	fmt.Fprintf(a.stdout, "played %d commits: %d tasks created, %d completed, %d failed; %d steps completed, %d failed, %d races lost, %d workers died\n",
		counters.Commits, counters.Tasks, counters.TasksCompleted, counters.TasksFailed, counters.StepsCompleted, counters.StepsFailed, counters.LostRaces, counters.Deaths)
	if found > 0 || report.Compared == 0 || report.Undecided > 0 {
		fmt.Fprintf(a.stdout, "VERDICT: not good: %d differences found, %d tasks undecided at the end\n", found, report.Undecided)
		return errFound
	}
	fmt.Fprintf(a.stdout, "VERDICT: good: %d comparisons of tasks in %d passes while it ran, and of all %d tasks at the end, without a difference\n",
		before.Compared, before.Passes, report.Compared)
	return nil
}
