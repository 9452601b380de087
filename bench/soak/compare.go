package soak

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/verify"
)

const (
	// samplePass is how many tasks a pass asks about while load runs.
	samplePass = 200
	// keepFound is how many differences are told, of all that are counted.
	keepFound = 20
)

// comparer compares the index with the database's functions.
type comparer struct {
	system *system
	conn   *pgx.Conn
	sum    verify.Report
	passes int64
}

// run makes one pass after another until ctx ends.
func (c *comparer) run(ctx context.Context, told func(*comparer)) error {
	passes := verify.New(c.conn, c.system.follower, verify.Options{
		Schema: c.system.follower.Status().Schema, MaxTasks: samplePass, BatchTasks: samplePass / 4, Pause: 50 * time.Millisecond,
	})
	for verify.Pause(ctx, 500*time.Millisecond) == nil {
		report, err := passes.Pass(ctx)
		c.add(report)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		told(c)
	}
	return nil
}

// all compares every task, when nothing moves any more; on a connection of its
// own, for the other one has ended with the load.
func (c *comparer) all(ctx context.Context, pool *pgxpool.Pool) (compared int64, err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Release()
	report, err := verify.New(conn.Conn(), c.system.follower, verify.Options{Schema: c.system.follower.Status().Schema}).Pass(ctx)
	c.add(report)
	if err == nil && report.Undecided > 0 {
		err = fmt.Errorf("%d tasks were undecided at the end, when nothing moved", report.Undecided)
	}
	return int64(report.Compared), err
}

func (c *comparer) add(report *verify.Report) {
	if report == nil {
		return
	}
	c.passes++
	c.sum.Merge(report, keepFound)
}
