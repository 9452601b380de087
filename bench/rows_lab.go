package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/leader"
	"github.com/tasker-sidecar/tasker-sidecar/projection"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	sidecar "github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// forever keeps the rows of all finished tasks: those of the data sets were
// finished long ago, and it is to be asked about them, too.
const forever = 200 * 365 * 24 * time.Hour

// install puts our schema and the drop-in functions into a data set, once.
func (l *lab) install(ctx context.Context, set *dataset) error {
	if set.installed {
		return nil
	}
	l.stage("install")
	conn, err := pgx.Connect(ctx, set.url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = schema.Install(ctx, conn, schema.Options{Steps: []schema.Step{{Name: "drop-ins", Run: func(ctx context.Context, tx pgx.Tx, engine string) error {
		return dropin.Install(ctx, tx, dropin.Options{Engine: engine})
	}}}})
	set.installed = err == nil
	return err
}

// projecting is a sidecar without its ends for people: a follower and a
// projection, with the options that a sidecar has by default, in this process.
type projecting struct {
	set      *dataset
	follower *sidecar.Follower
	project  *project.Project
	cancel   context.CancelFunc
	ended    chan error // of either
}

// project follows and projects a data set; one at a time. It returns when the
// rows count.
func (l *lab) project(ctx context.Context, set *dataset) (*projecting, error) {
	if p := l.projecting; p != nil && p.set == set {
		return p, nil
	}
	if err := l.unproject(); err != nil {
		return nil, err
	}
	if err := l.install(ctx, set); err != nil {
		return nil, err
	}
	l.stage("write the rows")
	p, err := startProjecting(ctx, set, nil)
	if err != nil {
		return nil, err
	}
	l.projecting = p
	if err := p.counts(ctx); err != nil {
		return nil, err
	}
	if set.vacuumed {
		return p, nil
	}
	conn, err := pgx.Connect(ctx, set.url) // as autovacuum would
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	l.stage("vacuum the rows")
	_, err = conn.Exec(ctx, "VACUUM (ANALYZE) tasker_sidecar.step_rows, tasker_sidecar.task_rows, tasker_sidecar.dag_rows, tasker_sidecar.candidate_rows")
	set.vacuumed = err == nil
	return p, err
}

// unproject ends what project has started; an error says that it had ended
// before.
func (l *lab) unproject() error {
	p := l.projecting
	l.projecting = nil
	if p == nil {
		return nil
	}
	return p.stop()
}

// startProjecting returns at once; change may be nil.
func startProjecting(ctx context.Context, set *dataset, change func(*projection.Options)) (*projecting, error) {
	return startBeside(ctx, set, change, nil)
}

// startBeside is startProjecting with something else that the leader does, made
// for the follower; beside may be nil.
func startBeside(ctx context.Context, set *dataset, change func(*projection.Options),
	beside func(*sidecar.Follower) (func(context.Context, *leader.Lease) error, error),
) (*projecting, error) {
	p := &projecting{set: set, ended: make(chan error, 2)}
	var err error
	if p.follower, err = sidecar.New(sidecar.Options{Replication: replication.Options{DatabaseURL: set.url, MaxWALBehind: 1 << 40}}); err != nil {
		return nil, err
	}
	options := projection.Options{DatabaseURL: set.url, KeepFinished: forever}
	if change != nil {
		change(&options)
	}
	o := project.Options{
		Leader:     leader.Options{Connect: func(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, set.url) }},
		Projection: options,
	}
	if beside != nil {
		if o.Beside, err = beside(p.follower); err != nil {
			return nil, err
		}
	}
	p.project, err = project.New(p.follower, o)
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel = cancel
	go func() { p.ended <- p.project.Run(running) }()
	go func() { p.ended <- p.follower.Run(running) }()
	return p, nil
}

// stop ends projecting, then following; an error says that one of them had
// ended before.
func (p *projecting) stop() error {
	var errs []error
	select {
	case err := <-p.ended:
		errs = append(errs, fmt.Errorf("projecting had ended: %w", errors.Join(err, errEnded)))
		p.cancel()
	default:
		p.cancel()
		errs = append(errs, <-p.ended)
	}
	return errors.Join(append(errs, <-p.ended)...)
}

var errEnded = errors.New("before it was to")

// until waits for a condition.
func (p *projecting) until(ctx context.Context, condition func() bool) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(10 * time.Minute)
	for !condition() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-p.ended:
			p.ended <- err
			return fmt.Errorf("projecting has ended: %w", errors.Join(err, errEnded))
		case <-tick.C:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited in vain for rows: %+v; following: %w", p.project.Status(), p.follower.Status().LastError)
		}
	}
	return nil
}

// counts waits until the rows count.
func (p *projecting) counts(ctx context.Context) error {
	return p.until(ctx, func() bool { return p.project.Status().State == projection.StateProjecting })
}

// reach waits until the rows reflect everything that is committed.
func (p *projecting) reach(ctx context.Context, conn *pgx.Conn) error {
	var text string
	// The message is flushed at once, and everything before it.
	if err := conn.QueryRow(ctx, "SELECT pg_logical_emit_message(true, 'bench', '')::text").Scan(&text); err != nil {
		return err
	}
	lsn, err := tasker.ParseLSN(text)
	if err != nil {
		return err
	}
	return p.until(ctx, func() bool { return p.project.Status().Written >= lsn })
}
