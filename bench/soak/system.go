package soak

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres"
	"github.com/tasker-sidecar/tasker-sidecar/leader"
	"github.com/tasker-sidecar/tasker-sidecar/projection"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/loader"
)

// system is what is observed: a server, and a sidecar without its ends for
// people in this process.
type system struct {
	server   *postgres.Server
	url      string
	follower *follow.Follower
	project  *project.Project
	cancel   context.CancelFunc
	ended    chan error // of follower and projection
}

// newSystem starts the server, fills the database, and returns when rows count.
func newSystem(ctx context.Context, o Options) (s *system, err error) {
	s = &system{ended: make(chan error, 2), cancel: func() {}}
	o.Progress(Progress{Stage: "start PostgreSQL"})
	if s.server, err = postgres.Start(ctx, postgres.Options{ThrowAway: true, BinDir: o.BinDir, Settings: map[string]string{
		"autovacuum": "on", "autovacuum_naptime": "5s", "max_wal_size": "256MB", "checkpoint_timeout": "1min",
	}}); err != nil {
		return nil, fmt.Errorf("a server to soak: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop(ctx))
		}
	}()
	s.url = s.server.DatabaseURL("soak")
	if err := s.fill(ctx, o); err != nil {
		return nil, err
	}
	if s.follower, err = follow.New(follow.Options{Replication: replication.Options{DatabaseURL: s.url}}); err != nil {
		return nil, err
	}
	s.project, err = project.New(s.follower, project.Options{
		Leader:     leader.Options{Connect: func(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, s.url) }},
		Projection: projection.Options{DatabaseURL: s.url, KeepFinished: 5 * time.Minute},
	})
	if err != nil {
		return nil, err
	}
	o.Progress(Progress{Stage: "follow and write the rows"})
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	go func() { s.ended <- s.project.Run(running) }()
	go func() { s.ended <- s.follower.Run(running) }()
	return s, s.until(ctx, func() bool { return s.project.Status().State == projection.StateProjecting })
}

// fill makes the database, with the engine's side, ours, and finished tasks.
func (s *system) fill(ctx context.Context, o Options) error {
	admin, err := pgx.Connect(ctx, s.server.URL())
	if err != nil {
		return err
	}
	defer admin.Close(context.WithoutCancel(ctx))
	if _, err := admin.Exec(ctx, "CREATE DATABASE soak TEMPLATE template0"); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := testbed.Install(ctx, conn, testbed.Options{}); err != nil {
		return err
	}
	dropIns := schema.Step{Name: "drop-ins", Run: func(ctx context.Context, tx pgx.Tx, engine string) error {
		return dropin.Install(ctx, tx, dropin.Options{Engine: engine})
	}}
	if err := schema.Install(ctx, conn, schema.Options{Steps: []schema.Step{dropIns}}); err != nil {
		return err
	}
	o.Progress(Progress{Stage: fmt.Sprintf("load %d tasks", o.Tasks)})
	pool, err := pgxpool.New(ctx, s.url)
	if err != nil {
		return err
	}
	defer pool.Close()
	spec := workload.Spec{Tasks: o.Tasks, Seed: o.Seed, Scenarios: []workload.Share[workload.Scenario]{{Percent: 100, Of: workload.Completed}}}
	if _, err := loader.Load(ctx, pool, workload.Generate(spec), loader.Options{}); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "VACUUM ANALYZE")
	return err
}

// stop ends following and the server; nothing is left of either.
func (s *system) stop(ctx context.Context) error {
	var errs []error
	s.cancel()
	if s.project != nil {
		errs = append(errs, <-s.ended, <-s.ended)
	}
	return errors.Join(append(errs, s.server.Stop(context.WithoutCancel(ctx)))...)
}

// until waits for a condition, at most five minutes.
func (s *system) until(ctx context.Context, condition func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the rows (%s): %w", s.project.Status().State, ctx.Err())
		case err := <-s.ended:
			s.ended <- err
			return fmt.Errorf("following or projecting has ended: %w", errors.Join(err, errEnded))
		case <-tick.C:
		}
	}
	return nil
}

var errEnded = errors.New("before it was to")
