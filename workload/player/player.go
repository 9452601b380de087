package player

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/tasker-sidecar/tasker-sidecar/workload/names"
)

// Player plays a workload. Create it with [New]; it runs once.
type Player struct {
	opts    Options
	pool    *pgxpool.Pool
	names   *names.Cache
	pace    *pace
	queue   queue
	tasks   sync.Map // *task by id: those created here
	sources *sources
	created atomic.Int64 // tasks begun, for Options.Tasks
	closed  atomic.Bool  // no more are
	counts  counters
}

// New checks the options, all of them. The pool must allow a connection per
// worker; it stays the caller's.
func New(pool *pgxpool.Pool, opts Options) (*Player, error) {
	opts = opts.withDefaults()
	err := opts.check()
	if most := pool.Config().MaxConns; int(most) < opts.Workers {
		err = errors.Join(err, fmt.Errorf("%d workers need as many connections, and the pool allows %d", opts.Workers, most))
	}
	if err != nil {
		return nil, fmt.Errorf("these options cannot be played: %w", err)
	}
	return &Player{
		opts: opts, pool: pool, names: names.New(opts.Clock.Now), pace: newPace(opts.Clock, opts.Rate),
		sources: newSources(opts.Mix, opts.Seed),
	}, nil
}

// Counters are the figures so far. It is safe for concurrent use, also while
// the player runs.
func (p *Player) Counters() Counters { return p.counts.read() }

// Run plays until ctx ends or, with Options.Tasks, until nothing can be done
// any more; both are no error. Each worker finishes the transaction that it is
// in. A lost connection is replaced; what its worker was doing stays undone, as
// in the engine. Any other error of the database ends the run.
func (p *Player) Run(ctx context.Context) error {
	if p.opts.Adopt {
		if err := p.adopt(ctx); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	for n := range p.opts.Workers {
		w := &worker{Player: p, rand: rand.New(rand.NewPCG(p.opts.Seed, uint64(n)+1))}
		group.Go(func() error { return w.run(ctx) })
	}
	err := group.Wait()
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// Enqueue puts a task into the queue, unless a job for it waits there: a worker
// may be on it all the same. What the player does not know of it, it reads. It is
// safe for concurrent use, also while the player runs.
func (p *Player) Enqueue(taskID int64) {
	t, ok := p.tasks.Load(taskID)
	if !ok {
		t = &task{id: taskID}
	}
	p.queue.pushOnce(t.(*task)) //nolint:errcheck // nothing else is in it
}

// Close lets the player create no more tasks; what there is goes on. It is safe
// for concurrent use.
func (p *Player) Close() { p.closed.Store(true) }

// adopt enqueues the tasks that are not complete.
func (p *Player) adopt(ctx context.Context) error {
	rows, err := p.pool.Query(ctx, `SELECT task_id FROM tasker_tasks WHERE NOT complete ORDER BY task_id`)
	if err != nil {
		return fmt.Errorf("reading the tasks to adopt: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		t := new(task)
		if err := rows.Scan(&t.id); err != nil {
			return fmt.Errorf("reading the tasks to adopt: %w", err)
		}
		p.queue.push(t)
	}
	return rows.Err()
}

// grace is how long a transaction may take to end once the player stops.
const grace = 10 * time.Second

// connectionLost says whether an error means that the connection is gone, is of
// no use any more, or the server does not let us in for the moment.
func (w *worker) connectionLost(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pgerrcode.IsOperatorIntervention(pg.Code) || pgerrcode.IsConnectionException(pg.Code) ||
			pgerrcode.IsInsufficientResources(pg.Code) ||
			pg.Code == pgerrcode.FeatureNotSupported // a table was altered under a prepared statement
	}
	return w.conn == nil || w.conn.Conn().IsClosed()
}
