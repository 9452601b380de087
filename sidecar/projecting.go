package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/leader"
	"github.com/tasker-sidecar/tasker-sidecar/projection"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// projecting writes rows wherever the database is prepared for it, and looks
// now and then whether it has come to be.
type projecting struct {
	config  func() *config.Config // as it is in force
	logger  hclog.Logger
	project *project.Project
	refused atomic.Pointer[error] // why rows are not written
}

// newProjecting makes one; beside is what else a leader does.
func newProjecting(current func() *config.Config, logger hclog.Logger, f *follow.Follower, beside func(context.Context, *leader.Lease) error) (*projecting, error) {
	c := current()
	p := &projecting{config: current, logger: logger.Named("projection")}
	var err error
	p.project, err = project.New(f, project.Options{Leader: leaderOptions(c, logger), Projection: projectionOptions(c, logger), Beside: beside})
	if err != nil {
		return nil, &codedError{exitUsage, err}
	}
	return p, nil
}

// run projects until ctx ends.
func (p *projecting) run(ctx context.Context) {
	said := ""
	for {
		err := p.check(ctx)
		p.refused.Store(&err)
		if err == nil {
			if err = p.project.Run(ctx); err == nil {
				return
			}
			p.refused.Store(&err)
		}
		if ctx.Err() == nil && err.Error() != said {
			said = err.Error()
			p.logger.Info("rows are not written to the database", "because", said)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(p.config().Projection.CheckInterval):
		}
	}
}

// check says what keeps us from writing rows.
func (p *projecting) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.config().Database.ConnectTimeout)
	defer cancel()
	database, err := databaseConfig(p.config())
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, database)
	if err != nil {
		return replication.Explain(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := schema.Check(ctx, conn); err != nil {
		return err
	}
	var may bool
	var role string
	if err := conn.QueryRow(ctx, "SELECT has_table_privilege('tasker_sidecar.flushes', 'INSERT'), current_user").Scan(&may, &role); err != nil {
		return replication.Explain(err)
	}
	if !may {
		return fmt.Errorf("role %s may not write to the schema tasker_sidecar: run tasker-sidecar install --grants %[1]s", role)
	}
	return nil
}

// status is how the projection stands; p may be nil.
func (p *projecting) status() api.ProjectionStatus {
	if p == nil {
		return api.ProjectionStatus{State: "off", FlushedAt: tasker.NoTime}
	}
	term, rows := p.project.Leader().Term, p.project.Status()
	out := api.ProjectionStatus{
		State: rows.State.String(), Leader: term.Holder, Epoch: term.Epoch, WrittenLSN: rows.Written,
		Flushes: int64(rows.Flushes), Rows: int64(rows.Rows), Compactions: int64(rows.Compactions), //nolint:gosec // counts
		FlushMillis: float64(rows.FlushDuration.Microseconds()) / 1000, FlushedAt: tasker.NoTime,
	}
	if !rows.FlushedAt.IsZero() {
		out.FlushedAt = tasker.TimestampOf(rows.FlushedAt)
	}
	if err := p.refused.Load(); err != nil && *err != nil {
		out.Refused = (*err).Error()
	}
	return out
}

func leaderOptions(c *config.Config, logger hclog.Logger) leader.Options {
	l := c.Leader
	return leader.Options{
		Connect: func(ctx context.Context) (*pgx.Conn, error) {
			database, err := databaseConfig(c)
			if err != nil {
				return nil, err
			}
			return pgx.ConnectConfig(ctx, database)
		},
		PollInterval:           l.PollInterval,
		LeaseTimeout:           l.LeaseTimeout,
		RetryMax:               l.RetryMax,
		TransactionIdleTimeout: l.TransactionIdleTimeout,
		LockTimeout:            l.LockTimeout,
		StatementTimeout:       l.StatementTimeout,
		Logger:                 logger.Named("leader"),
	}
}

func projectionOptions(c *config.Config, logger hclog.Logger) projection.Options {
	p := c.Projection
	return projection.Options{
		DatabaseURL:        c.Database.URL.Reveal(),
		ApplicationName:    c.Database.ApplicationName,
		ConnectTimeout:     c.Database.ConnectTimeout,
		FlushTimeout:       p.FlushTimeout,
		WithdrawTimeout:    p.WithdrawTimeout,
		MinPause:           p.MinPause,
		Rest:               orNone(p.Rest),
		MaxPause:           p.MaxPause,
		Heartbeat:          p.Heartbeat,
		KeepFinished:       orNone(p.KeepFinished),
		SweepInterval:      p.SweepInterval,
		RowsPerTransaction: p.RowsPerTransaction,
		KeepFlushes:        p.KeepFlushes,
		CompactInterval:    orNone(p.CompactInterval),
		CompactAfter:       orNone(p.CompactAfter),
		CompactRatio:       p.CompactRatio,
		CompactFloor:       int64(p.CompactFloor),
		CompactLockTimeout: p.CompactLockTimeout,
		Notify:             p.NotifyChannel,
		NotifyMost:         p.NotifyMost,
		Version:            version,
		Logger:             logger.Named("projection"),
	}
}

// orNone makes a zero of the configuration what none is in options, where zero
// means the default.
func orNone[N time.Duration | float64](v N) N {
	if v == 0 {
		return -1
	}
	return v
}
