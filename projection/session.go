package projection

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/leader"
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// session is the time of one lease. It belongs to one goroutine.
type session struct {
	*Projector
	o      *Options  // as they were when what goes on was begun
	conn   *pgx.Conn // it has the advisory lock writer
	writer int64
	lease  *leader.Lease

	number int64            // of the last flush
	of     Reflection       // what the rows reflect
	cutoff tasker.Timestamp // tasks finished before have no rows
	swept  time.Time
	filled [rowTableCount]time.Time // when a table was last filled anew, or this began
	looked time.Time                // when it was last looked how large the tables are
	// vouching is whether the last flush says that the rows count, health and
	// oldest what else it says.
	vouching bool
	health   tasker.SystemHealthCounts
	oldest   tasker.Timestamp
	beat     time.Time        // when the last flush was begun
	rested   time.Time        // when the next one may begin
	usual    time.Duration    // how long they have taken of late
	told     tasker.Timestamp // who could run at that time has been announced
}

// errReplaced says that the source has another index, of which nothing is known.
var errReplaced = errors.New("the index was loaded anew")

func (s *session) run(ctx context.Context) error {
	last, err := readLastFlush(ctx, s.conn)
	if err != nil {
		return err
	}
	s.number = last.number
	for {
		s.state.Store(uint32(StateReconciling))
		s.written.Store(0)
		r, err := s.fresh(ctx, last)
		if err != nil {
			return err
		}
		if err := s.reconcile(ctx, r); err != nil {
			return err
		}
		s.state.Store(uint32(StateProjecting))
		if err := s.follow(ctx); !errors.Is(err, errReplaced) {
			return err
		}
		last = lastFlush{} // the new index is never older than the one before
		if err := s.retract(ctx); err != nil {
			return err
		}
	}
}

// fresh waits for a view that is not older than what the rows reflect already,
// and that has all that was confirmed to the server: confirming is stopped while
// its slot exists, before it is looked for.
func (s *session) fresh(ctx context.Context, last lastFlush) (Reflection, error) {
	tick := time.NewTicker(s.o.Heartbeat)
	defer tick.Stop()
	for {
		s.o = s.options.Load()
		changed := s.source.Changed()
		if held, ok := s.source.Reflection(); ok {
			s.o.Written(0)
			r, ok := s.source.Reflection()
			if ok && r.Slot == held.Slot && !last.ahead(&r) {
				return r, nil
			}
		}
		select {
		case <-ctx.Done():
			return Reflection{}, context.Cause(ctx)
		case <-changed:
		case <-tick.C:
		}
	}
}

// follow keeps the rows right from one view to the next.
func (s *session) follow(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s.o = s.options.Load()
		changed := s.source.Changed()
		r, ok := s.source.Reflection()
		var err error
		switch {
		case !ok:
			err = s.retract(ctx)
		case r.identity() != s.of.identity() || r.Slot != s.of.Slot:
			return errReplaced
		default:
			if err = s.advance(ctx, r); err == nil {
				err = s.announce(ctx)
			}
		}
		if err != nil {
			return err
		}
		if err := s.rest(ctx); err != nil {
			return err
		}
		timer.Reset(s.due())
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		case <-timer.C:
		}
	}
}

// due is how long it is until a flush has to say how old the rows are, or rows
// have to be looked for that have been kept long enough.
func (s *session) due() time.Duration {
	due := time.Until(s.beat.Add(s.o.Heartbeat))
	if due <= 0 { // the rows do not count, so there is nothing to say
		due = s.o.Heartbeat
	}
	return min(due, s.o.SweepInterval)
}

// rest waits until the next flush may begin.
func (s *session) rest(ctx context.Context) error {
	left := time.Until(s.rested)
	if left <= 0 {
		return nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// advance makes the rows those of a newer view.
func (s *session) advance(ctx context.Context, r Reflection) error {
	b, ok := s.difference(r.View)
	if !ok {
		return errReplaced
	}
	same := s.vouching && b.rows() == 0 && r.View.SystemHealthCounts() == s.health && r.View.OldestCandidate() == s.oldest &&
		r.View.Rules() == s.of.View.Rules()
	if same && time.Since(s.beat) < s.o.Heartbeat {
		s.reflect(r)
	} else if err := s.flush(ctx, r, b); err != nil {
		return err
	}
	if time.Since(s.swept) >= s.o.SweepInterval {
		if err := s.sweep(ctx); err != nil {
			return err
		}
	}
	return s.compact(ctx)
}

// difference is what has to be written for the rows to be those of a view.
func (s *session) difference(v *readiness.View) (*batch, bool) {
	b := &batch{}
	before := s.of.View
	if v == before {
		return b, true
	}
	changed, ok := v.ChangedTasks(before)
	if !ok {
		return nil, false
	}
	graph := v.ChangedAt().Structure != before.ChangedAt().Structure
	for _, id := range changed {
		was, is := rowsOf(before, id, s.cutoff, graph), rowsOf(v, id, s.cutoff, graph)
		if !graph && placesDiffer(&was, &is) {
			was, is = rowsOf(before, id, s.cutoff, true), rowsOf(v, id, s.cutoff, true)
		}
		b.add(&was, &is)
	}
	return b, true
}

// placesDiffer says whether the rows of the graph differ though no edge changed:
// a task came into coverage, a step moved or has another named step.
func placesDiffer(was, is *taskRows) bool {
	if len(was.steps) != len(is.steps) {
		return true
	}
	for i := range is.steps {
		if a, b := &was.steps[i], &is.steps[i]; a.WorkflowStepID != b.WorkflowStepID || a.NamedStepID != b.NamedStepID {
			return true
		}
	}
	return false
}

// flush writes a batch, and that the rows are of r now.
func (s *session) flush(ctx context.Context, r Reflection, b *batch) error {
	started := time.Now()
	s.number++
	f := flush{number: s.number, epoch: s.lease.Epoch(), of: r, writer: s.writer, version: s.o.Version}
	now := s.source.Now()
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return b.write(ctx, tx, f.queue, s.cutFlushes, func(q *pgx.Batch) { s.notify(q, b.fresh, r.View, now) })
	})
	if err != nil {
		return err
	}
	s.told = now
	s.vouching, s.health, s.oldest = true, r.View.SystemHealthCounts(), r.View.OldestCandidate()
	s.flushed(started, b)
	s.reflect(r)
	if b.rows() > 0 {
		s.restAfter(started)
	}
	return nil
}

// restAfter says when what takes as long as what was begun then may begin.
func (s *session) restAfter(started time.Time) {
	took := time.Since(started)
	s.usual += (took - s.usual) / 8
	s.rested = started.Add(max(s.o.MinPause, took+pauseAfter(s.o, took, s.usual)))
}

// pauseAfter is how long to wait after what took so long, where it has usually
// taken so long of late: Options.Rest times as long, and where that is usually
// longer than Options.MinPause, in proportion longer. So a server that is busy
// gets fewer transactions with more rows in each, of which many would have been
// written several times; and a single slow one changes little.
func pauseAfter(o *Options, took, usual time.Duration) time.Duration {
	strain := max(1, float64(usual)/float64(o.MinPause))
	return min(o.MaxPause, time.Duration(o.Rest*strain*float64(took)))
}

// retract says that the rows do not count.
func (s *session) retract(ctx context.Context) error {
	if !s.vouching {
		return nil
	}
	started := time.Now()
	s.number++
	f := flush{number: s.number, epoch: s.lease.Epoch(), of: s.of, reconciling: true, version: s.o.Version}
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error { return new(batch).write(ctx, tx, f.queue) })
	if err == nil {
		s.vouching = false
		s.flushed(started, new(batch))
	}
	return err
}

// inTx runs f in a transaction of the lease, within Options.FlushTimeout.
func (s *session) inTx(ctx context.Context, f func(context.Context, pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.FlushTimeout)
	defer cancel()
	return s.lease.InTx(ctx, s.conn, func(tx pgx.Tx) error { return f(ctx, tx) })
}

func (s *session) flushed(started time.Time, b *batch) {
	now := time.Now()
	s.beat = started
	s.flushes.Add(1)
	s.rows.Add(uint64(b.rows()))
	s.lastFlush.Store(int64(now.Sub(started)))
	s.lastFlushed.Store(&now)
}

// reflect remembers and tells that the rows are of r.
func (s *session) reflect(r Reflection) {
	s.of = r
	s.written.Store(uint64(r.View.LSN()))
	s.o.Written(r.View.LSN())
}

// cutFlushes cuts the old end of the flushes off once in a while.
func (s *session) cutFlushes(q *pgx.Batch) {
	if every := int64(s.o.KeepFlushes) / 2; s.number%max(1, every) == 0 {
		q.Queue(sqlDeleteFlushes, s.number-int64(s.o.KeepFlushes))
	}
}
