package projection

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/leader"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Projector writes rows while it leads. Status is safe for concurrent use; Lead
// runs once at a time.
type Projector struct {
	options atomic.Pointer[Options]
	source  Source

	state                        atomic.Uint32
	written                      atomic.Uint64
	flushes, rows, reconciled    atomic.Uint64
	lastFlush                    atomic.Int64 // how long it took
	lastFlushed                  atomic.Pointer[time.Time]
	reconcileTasks, reconcileAll atomic.Int64
	compactions                  atomic.Uint64
	// rowSize is how many bytes a row takes in a table that was just filled; it
	// belongs to the session.
	rowSize [rowTableCount]float64
}

// New makes a projector. The options are checked here, all at once.
func New(o Options, source Source) (*Projector, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Projector{source: source, rowSize: usualSize}
	p.options.Store(&o)
	return p, nil
}

// Prepare checks options that are to hold from now on, and gives what puts them
// into force: the session that writes takes them between two flushes. Where to
// connect and how, and FlushTimeout, it takes when it begins; Written and Logger
// stay as they were.
func (p *Projector) Prepare(o Options) (apply func(), err error) {
	before := p.options.Load()
	o.Written, o.Logger = before.Written, before.Logger
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	return func() { p.options.Store(&o) }, nil
}

// State is what a projector is doing.
type State uint32

const (
	// StateFollowing: it does not lead, and writes nothing.
	StateFollowing State = iota
	// StateReconciling: it leads, and the rows are being put right.
	StateReconciling
	// StateProjecting: the rows are kept right.
	StateProjecting
)

// String gives the state in words.
func (s State) String() string {
	switch s {
	case StateReconciling:
		return "reconciling"
	case StateProjecting:
		return "projecting"
	}
	return "following"
}

// MarshalText gives the state in words.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Status is what a projector knows about itself at one moment.
type Status struct {
	State State
	// Written is the position that the rows reflect; 0 unless it is projecting.
	Written tasker.LSN
	// Flushes and Rows count the transactions and the rows written or deleted,
	// Reconciled how often all rows were put right, since the projector was made.
	Flushes, Rows, Reconciled uint64
	// FlushDuration is how long the last flush took, FlushedAt when it ended.
	FlushDuration time.Duration
	FlushedAt     time.Time
	// ReconciledTasks of ReconcileTasks have been put right by the reconciliation
	// that goes on, or the last one.
	ReconciledTasks, ReconcileTasks int64
	// Compactions counts how often tables that had grown too large were filled anew.
	Compactions uint64
}

// Status tells how the projector is.
func (p *Projector) Status() Status {
	s := Status{
		State: State(p.state.Load()), Written: tasker.LSN(p.written.Load()),
		Flushes: p.flushes.Load(), Rows: p.rows.Load(), Reconciled: p.reconciled.Load(),
		FlushDuration:   time.Duration(p.lastFlush.Load()),
		ReconciledTasks: p.reconcileTasks.Load(), ReconcileTasks: p.reconcileAll.Load(),
		Compactions: p.compactions.Load(),
	}
	if at := p.lastFlushed.Load(); at != nil {
		s.FlushedAt = *at
	}
	return s
}

// Raise marks the rows as being put right, in the transaction that makes this
// process the leader; it is for leader.Options.Raise.
func (p *Projector) Raise(ctx context.Context, tx pgx.Tx, term leader.Term) error {
	last, err := readLastFlush(ctx, tx)
	if err != nil {
		return err
	}
	r, ok := p.source.Reflection()
	if !ok || last.ahead(&r) {
		return fmt.Errorf("%w: the rows reflect %s, and we do not yet", leader.ErrNotReady, last.lsn)
	}
	f := flush{number: last.number + 1, epoch: term.Epoch, reconciling: true, version: p.options.Load().Version, of: r}
	return new(batch).write(ctx, tx, f.queue)
}

// Lead keeps the rows right until ctx ends, which a lease does when it is lost,
// or until something is wrong, which it returns. Its own reason to end is always
// an error.
func (p *Projector) Lead(ctx context.Context, lease *leader.Lease) error {
	conn, err := p.connect(ctx)
	if err != nil {
		return err
	}
	writer, err := vouch(ctx, conn)
	if err != nil {
		_ = conn.Close(ctx)
		return err
	}
	s := &session{Projector: p, o: p.options.Load(), conn: conn, writer: writer, lease: lease}
	for t := range s.filled {
		s.filled[t] = time.Now()
	}
	defer func() {
		p.withdraw(context.WithoutCancel(ctx), conn, lease.Epoch())
		p.written.Store(0)
		p.state.Store(uint32(StateFollowing))
	}()
	return s.run(ctx)
}

// withdraw says, at the end of a lease, that the rows do not count any more,
// unless another leader has said so. Only then positions may be confirmed again
// that the rows do not reflect: else readers would take the slot, which lives
// on, for a witness. Where the database cannot be told, nothing is confirmed
// through this slot any more.
func (p *Projector) withdraw(ctx context.Context, conn *pgx.Conn, epoch int64) {
	o := p.options.Load()
	ctx, cancel := context.WithTimeout(ctx, o.WithdrawTimeout)
	defer cancel()
	defer func() { _ = conn.Close(ctx) }()
	for {
		if conn.IsClosed() {
			if fresh, err := p.connect(ctx); err == nil {
				conn = fresh
			}
		}
		_, err := conn.Exec(ctx, sqlWithdraw, epoch)
		if err == nil {
			o.Written(Released)
			return
		}
		select {
		case <-ctx.Done():
			o.Logger.Warn("could not say that the rows do not count any more; the position is not confirmed until the next load", "error", err)
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// connect opens the session that writes. It is independent of what the database
// or the role sets by default, and plans by index whatever statistics say: every
// statement names its rows by key.
func (p *Projector) connect(ctx context.Context) (*pgx.Conn, error) {
	o := p.options.Load()
	config, err := pgx.ParseConfig(o.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("the database URL: %w", err)
	}
	config.ConnectTimeout = o.ConnectTimeout
	for name, value := range map[string]string{
		"application_name": o.ApplicationName, "search_path": "pg_catalog, pg_temp", "TimeZone": "UTC", "client_encoding": "UTF8",
		// Not for the rows' sake, whom a crash takes with what vouches for them. But
		// the log is sent on no further than it is flushed, and who waits in between
		// waits for our own commit too: until somebody else's, or wal_writer_delay.
		"synchronous_commit": "local",
		"statement_timeout":  fmt.Sprint(o.FlushTimeout.Milliseconds()), "jit": "off", "enable_seqscan": "off", "enable_hashjoin": "off",
		"enable_mergejoin": "off", "plan_cache_mode": "force_generic_plan", "row_security": "off",
	} {
		config.RuntimeParams[name] = value
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connecting to write rows: %w", err)
	}
	return conn, nil
}
