package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/verify"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// verifier compares a running sidecar's index with the database: all the time,
// when it is configured, and when somebody asks.
type verifier struct {
	service *service

	mu     sync.Mutex // one pass at a time
	conn   *pgx.Conn
	passes *verify.Verifier
	of     *config.Config // what they were made with

	tell   sync.Mutex
	status api.VerifyStatus
}

func newVerifier(s *service) *verifier {
	return &verifier{service: s, status: api.VerifyStatus{LastAt: tasker.NoTime}}
}

// run makes a pass now and then until ctx ends.
func (v *verifier) run(ctx context.Context) {
	logger := v.service.logger.Named("verify")
	for v.rest(ctx) {
		if v.service.follower.Status().Stale {
			continue // what is known to be stale is not worth comparing
		}
		report, err := v.pass(ctx, true)
		for _, d := range report.Differences {
			logger.Error("the index differs from the database", "difference", d.String())
		}
		if err != nil && ctx.Err() == nil {
			logger.Warn("a comparison was cut short", "error", err)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.disconnect()
}

// rest returns when a pass is due, or false when ctx ends: the interval after the
// last one, as it is configured at that time.
func (v *verifier) rest(ctx context.Context) bool {
	began := time.Now()
	for ctx.Err() == nil {
		changed := v.service.changed()
		c := v.service.config().Verify
		var due <-chan time.Time
		if c.Continuous {
			due = time.After(time.Until(began.Add(c.Interval)))
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-due:
			return true
		}
	}
	return false
}

// once makes one pass over all tasks because somebody asked.
func (v *verifier) once(ctx context.Context) (*verify.Report, error) {
	return v.pass(ctx, v.service.config().Verify.MaxTasks > 0)
}

func (v *verifier) pass(ctx context.Context, sampled bool) (*verify.Report, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.connect(ctx); err != nil {
		return &verify.Report{}, err
	}
	c := v.service.config()
	options := verifyOptions(c, v.service.follower.Status().Schema, v.service.logger)
	passes := verify.New(v.conn, v.service.follower, options)
	if sampled {
		options.MaxTasks, options.Pause = c.Verify.ContinuousMaxTasks, c.Verify.ContinuousPause
		switch {
		case v.passes == nil:
			v.passes = verify.New(v.conn, v.service.follower, options)
		case v.of != c:
			v.passes = v.passes.With(options)
		}
		v.of = c
		passes = v.passes
	}
	report, err := passes.Pass(ctx)
	if err != nil {
		v.disconnect()
	}
	v.tell.Lock()
	defer v.tell.Unlock()
	v.status.Passes++
	v.status.Compared += int64(report.Compared)
	v.status.Undecided += int64(report.Undecided)
	v.status.Differences += int64(report.DifferenceCount)
	v.status.LastAt = tasker.TimestampOf(time.Now())
	return report, err
}

func (v *verifier) connect(ctx context.Context) error {
	if v.service.follower.View() == nil {
		return errors.New("the index is not loaded yet")
	}
	if v.conn != nil && !v.conn.IsClosed() {
		return nil
	}
	v.disconnect()
	database, err := databaseConfig(v.service.config())
	if err != nil {
		return err
	}
	if v.conn, err = pgx.ConnectConfig(ctx, database); err != nil {
		return replication.Explain(err)
	}
	return nil
}

func (v *verifier) disconnect() {
	if v.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = v.conn.Close(ctx) // the server notices either way
	}
	v.conn, v.passes = nil, nil
}

func (v *verifier) Status() api.VerifyStatus {
	v.tell.Lock()
	defer v.tell.Unlock()
	return v.status
}
