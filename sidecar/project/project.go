package project

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/tasker-sidecar/tasker-sidecar/leader"
	"github.com/tasker-sidecar/tasker-sidecar/projection"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
)

// Options configure a projecting follower. What both sides have to know of each
// other (leader.Options.Ready and Raise, projection.Options.Written) is set here.
type Options struct {
	Leader     leader.Options
	Projection projection.Options
	// Beside is called with each lease and does what else a leader does. It
	// returns when its context ends, and only then; its error ends the lease.
	// Defaults to nil: nothing else is done.
	Beside func(context.Context, *leader.Lease) error
}

// Project writes rows while it leads. Its methods are safe for concurrent use;
// Run once at a time.
type Project struct {
	elector   *leader.Elector
	projector *projection.Projector
}

// New makes one for a follower, which runs or will run. An error names
// everything that is wrong with the options.
func New(f *follow.Follower, o Options) (*Project, error) {
	s := source{f}
	o.Projection.Written = f.Written
	projector, projectionErr := projection.New(o.Projection, s)
	o.Leader.Ready = func() error {
		if _, ok := s.Reflection(); !ok {
			return errors.New("answers are stale")
		}
		return nil
	}
	o.Leader.Raise = func(ctx context.Context, tx pgx.Tx, term leader.Term) error { return projector.Raise(ctx, tx, term) }
	elector, leaderErr := leader.New(o.Leader, func(ctx context.Context, l *leader.Lease) error {
		if o.Beside == nil {
			return projector.Lead(ctx, l)
		}
		// Whichever ends first ends the other; the lease holds until both have.
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return projector.Lead(ctx, l) })
		group.Go(func() error { return o.Beside(ctx, l) })
		return group.Wait()
	})
	if err := errors.Join(projectionErr, leaderErr); err != nil {
		return nil, fmt.Errorf("projection: %w", err)
	}
	return &Project{elector, projector}, nil
}

// Prepare checks options that are to hold from now on, and gives what puts them
// into force; see those of both sides. What is set here for both stays.
func (p *Project) Prepare(o Options) (apply func(), err error) {
	leads, leaderErr := p.elector.Prepare(o.Leader)
	projects, projectionErr := p.projector.Prepare(o.Projection)
	if err := errors.Join(leaderErr, projectionErr); err != nil {
		return nil, fmt.Errorf("projection: %w", err)
	}
	return func() { leads(); projects() }, nil
}

// Run tries to lead, and projects while it does, until ctx ends. Whatever goes
// wrong is tried again; an error is returned only when waiting does not mend it.
func (p *Project) Run(ctx context.Context) error { return p.elector.Run(ctx) }

// Leader is how the election stands.
func (p *Project) Leader() leader.Status { return p.elector.Status() }

// Status is how the projection stands.
func (p *Project) Status() projection.Status { return p.projector.Status() }

// source makes a follower a projection.Source.
type source struct{ *follow.Follower }

// Reflection asks for the status first: what it says of the time holds for any
// view that is taken later.
func (s source) Reflection() (projection.Reflection, bool) {
	status := s.Status()
	view := s.View()
	if status.Stale || view == nil || status.KnownAt.IsZero() {
		return projection.Reflection{}, false
	}
	system, err := strconv.ParseUint(status.System.Identifier, 10, 64)
	if err != nil {
		return projection.Reflection{}, false
	}
	return projection.Reflection{
		View: view, AsOf: status.KnownAt.Add(status.ClockOffset),
		SystemIdentifier: int64(system), //nolint:gosec // as SQL has it
		Timeline:         status.System.Timeline, Slot: status.Slot,
	}, true
}
