package replication

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// attempt is one try at following: sessions, slot, snapshot, stream. What goes
// wrong in any of its goroutines ends all of it, by the cause of its context.
type attempt struct {
	f      *Follower
	dialer *dialer
	cancel context.CancelCauseFunc
	all    sync.WaitGroup

	mu   sync.Mutex // of what makes answers stale
	over bool       // they stay stale, however long the end takes

	base   Fingerprint // of the catalog, before the slot
	layout Layout
	schema string

	rules       RulesFinding // that the load is made by
	provisional atomic.Bool  // they are, as far as is known
	watcher     *Watcher
}

// attempt follows until something ends it, which it returns; never nil unless
// ctx has ended. When it returns, nothing of it is left.
func (f *Follower) attempt(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	a := &attempt{f: f, cancel: cancel}
	err := a.run(ctx)
	if cause := context.Cause(ctx); cause != nil {
		err = cause // what a goroutine found; err is only what came of it
	}
	a.fail(err)
	a.all.Wait()
	if err == nil {
		err = errors.New("the stream ended without a reason")
	}
	if parent.Err() == nil {
		err = a.diagnose(parent, err)
	}
	return err
}

// fail ends the attempt; the first one's reason counts.
func (a *attempt) fail(err error) {
	a.mu.Lock()
	if !a.over && err != nil {
		a.f.suspend(err)
	}
	a.over = true
	a.mu.Unlock()
	a.cancel(err)
}

// suspend marks the answers stale while the attempt goes on; nil ends that.
func (a *attempt) suspend(why error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.over {
		a.f.suspend(why)
	}
}

// background runs a part of the attempt whose failure ends it.
func (a *attempt) background(part func() error) {
	a.all.Go(func() {
		if err := part(); err != nil {
			a.fail(err)
		}
	})
}

func (a *attempt) run(ctx context.Context) error {
	f := a.f
	f.enter(StateConnecting, nil)
	f.suspend(nil)
	f.age.forget()
	var err error
	if a.dialer, err = newDialer(f.o); err != nil {
		return err
	}
	conn, err := a.dialer.session(ctx)
	if err != nil {
		return err
	}
	a.all.Add(1)
	probing := false // conn belongs to the probe
	defer func() {
		if !probing {
			closeSession(conn.PgConn())
			a.all.Done()
		}
	}()
	p := &probe{f: f, dialer: a.dialer, conn: conn, slotName: slotName(f.o.SlotPrefix)}
	if err := a.inspect(ctx, conn); err != nil {
		return err
	}
	if err := p.readLimits(ctx); err != nil {
		return err
	}

	tap := &tap{}
	replication, err := a.dialer.replication(ctx, tap.frontend(f.o.ReadBuffer))
	if err != nil {
		return err
	}
	defer closeReplication(replication)
	p.slotPID = replication.PID()
	system, err := pglogrepl.IdentifySystem(ctx, replication)
	if err != nil {
		return fmt.Errorf("asking the server who it is: %w", err)
	}
	f.enter(StateConnecting, func(ph *phase) {
		ph.system = System{Identifier: system.SystemID, Timeline: system.Timeline, Database: system.DBName}
	})

	// The sessions that load come before the slot, so that nothing keeps a
	// snapshot waiting, and so that the guard knows them.
	var serverTime int64
	if err := conn.QueryRow(ctx, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").Scan(&serverTime); err != nil {
		return fmt.Errorf("reading the server's clock: %w", err)
	}
	source, err := readSource(ctx, conn, &a.layout, a.schema)
	if err != nil {
		return err
	}
	loader, err := openLoader(ctx, a.dialer, source, &f.counters.rows)
	if err != nil {
		return err
	}
	defer loader.close()
	guard, err := startGuard(ctx, a.dialer, loader.pids(), replication.PID(), conn.PgConn().PID(), f.o.WALSenderTimeout)
	if err != nil {
		return err
	}
	defer guard.stop()

	probing = true
	a.background(func() error {
		defer a.all.Done()
		return p.run(ctx)
	})
	a.watch(ctx)

	f.enter(StateWaitingForSlot, func(ph *phase) { ph.slot = p.slotName })
	begun := f.o.Now()
	slot, err := createSlot(ctx, replication, p.slotName)
	if err != nil {
		return err
	}
	f.loading = true
	f.pace.begin(f.o.Now())
	f.counters.snapshots.Add(1)
	stream, err := a.load(ctx, slot, source, loader, guard, replication, tasker.Timestamp(serverTime))
	if err != nil {
		return a.end(err)
	}
	defer stream.target.Discard()
	f.pace.loaded(f.o.Now())
	f.counters.duration.Store(int64(f.o.Now().Sub(begun)))
	stream.tap = tap
	if err := a.publishLoad(stream, slot); err != nil {
		return a.end(err)
	}
	f.enter(StateStreaming, func(ph *phase) { ph.cause = nil })
	f.log.Info("following", "slot", slot.name, "from", slot.point.String(), "rows", f.counters.rows.Load(), "after", f.o.Now().Sub(begun).Round(time.Millisecond))
	// From here on the end of ctx ends the reading, be the target busy or not.
	stop := context.AfterFunc(ctx, func() { hangUp(stream.sock) })
	defer stop()
	return a.end(stream.run(ctx))
}

// end makes err the reason of the attempt's end, before the connections are
// closed and others fail because of that.
func (a *attempt) end(err error) error {
	a.fail(err)
	return err
}

// inspect looks at the database and sees to the publication, before anything
// of ours can hold up the server.
func (a *attempt) inspect(ctx context.Context, conn *pgx.Conn) error {
	o := &a.f.o
	if err := checkSlot(ctx, conn); err != nil {
		return err
	}
	err := EnsurePublication(ctx, conn, PublicationOptions{Name: o.Publication, Schema: o.Schema, AllColumns: o.AllColumns})
	if err != nil {
		return err
	}
	a.base, err = ReadFingerprint(ctx, conn, FingerprintOptions{Schema: o.Schema, Publication: o.Publication})
	if err != nil {
		return err
	}
	a.layout = a.base.Layout()
	if a.schema, err = a.layout.Schema(o.Schema); err != nil {
		return err
	}
	if err := CheckSynchronousStandby(a.layout.SynchronousStandbyNames, o.ApplicationName); err != nil {
		return err
	}
	if a.rules, err = DetectRules(ctx, conn, a.schema, o.Rules); err != nil {
		return err
	}
	a.tellRules(a.rules)
	a.provisional.Store(a.rules.Provisional)
	a.f.enter(StateConnecting, func(p *phase) { p.schema, p.version = a.schema, a.layout.ServerVersion })
	return nil
}

func (a *attempt) tellRules(found RulesFinding) {
	a.f.counters.rules.Store(&found)
	if a.f.o.RulesFound != nil {
		a.f.o.RulesFound(found)
	}
}

// load reads the snapshot into the target. The stream is started as soon as
// all sessions have the snapshot: what it sends waits in the sockets meanwhile,
// and the server watches over a process that stands still.
func (a *attempt) load(ctx context.Context, slot *slot, source *source, loader *loader, guard *guard, replication *pgconn.PgConn, at tasker.Timestamp) (*stream, error) {
	f := a.f
	var estimated int64
	for _, n := range source.estimates {
		estimated += n
	}
	f.counters.rows.Store(0)
	f.enter(StateLoading, func(p *phase) { p.estimated, p.started = estimated, f.o.Now() })
	if err := loader.importSnapshot(ctx, slot.snapshot); err != nil {
		return nil, err
	}
	if err := startReplication(ctx, replication, slot, f.o.Publication); err != nil {
		return nil, err
	}
	ack := newAcknowledger(f, replication, slot.point)
	a.background(func() error { return ack.run(ctx) })

	load, err := f.target.NewLoad(ctx, Snapshot{LSN: slot.point, Time: at, Rules: a.rules.Rules, Rows: source.estimates})
	if err != nil {
		return nil, fmt.Errorf("beginning a load: %w", err)
	}
	started := f.o.Now()
	if err := loader.load(ctx, load); err != nil {
		load.Discard()
		return nil, err
	}
	if took := f.o.Now().Sub(started).Seconds(); took > 0 {
		rate := float64(f.counters.rows.Load()) / took
		f.counters.rate.Store(&rate)
	}
	loader.close() // nothing of ours holds up the server while the target finishes
	guard.stop()
	target, err := load.Finish(ctx)
	if err != nil {
		return nil, fmt.Errorf("finishing a load: %w", err)
	}
	s := &stream{
		f: f, conn: replication, sock: replication.Conn(), target: target, ack: ack,
		layout: &a.layout, schema: a.schema, end: slot.point, applied: slot.point, passes: a.passes,
	}
	s.decoder = newDecoder(a.schema, source.oids, s)
	return s, nil
}

// publishLoad lets readers see the load.
func (a *attempt) publishLoad(s *stream, slot *slot) error {
	if err := s.target.Publish(); err != nil {
		return fmt.Errorf("publishing a load: %w", err)
	}
	c := &a.f.counters
	c.applied.Store(uint64(slot.point))
	c.received.Store(uint64(slot.point))
	c.loaded.Store(true)
	a.f.know(a.f.age.reached(slot.point))
	return nil
}

// watch looks for changes that the log does not tell of.
func (a *attempt) watch(ctx context.Context) {
	f := a.f
	a.watcher = NewWatcher(WatchOptions{
		Connect: a.dialer.session, Schema: a.schema, Publication: f.o.Publication,
		ApplicationName: f.o.ApplicationName, Rules: f.o.Rules,
		Interval: f.o.WatchInterval, Timeout: f.o.WatchTimeout, Blind: f.o.WatchBlind, ProvisionalInterval: f.o.ProvisionalInterval,
		Handler: WatchHandler{
			Changed: func(found []Difference) {
				incomplete := &IncompleteError{Differences: found}
				a.suspend(incomplete)
				switch Gravest(found) {
				case Rebuild, Stop:
					a.fail(incomplete)
				default:
					f.log.Warn("the functions that the rules show in have changed; asking again", "what", incomplete)
				}
			},
			Rules: a.askedRules,
			Blind: func(err error) {
				a.suspend(fmt.Errorf("nothing vouches for the log: %w", err))
			},
			Seeing: func() {
				if !a.watcher.askRules.Load() {
					a.suspend(nil)
				}
			},
		},
	})
	base, rules := a.base, a.rules
	a.all.Go(func() { _ = a.watcher.Run(ctx, base, rules) })
}

// askedRules is told what was found when the rules were asked for again.
func (a *attempt) askedRules(finding RulesFinding, err error) {
	switch {
	case err != nil:
		a.suspend(err)
		a.f.log.Error("the rules are not known any more; answers are stale", "error", err)
	case finding.Rules != a.rules.Rules:
		a.fail(fmt.Errorf("%w: answers were made by %s, the database's functions now follow %s", ErrRulesChanged, a.rules.Rules, finding.Rules))
	case finding.Provisional && a.watcher.askRules.Load():
		// A step has come by since that tells; it is asked about next.
	default:
		a.tellRules(finding)
		a.provisional.Store(finding.Provisional)
		a.suspend(nil)
	}
}

// passes is shown the changes. While the rules are provisional, a step about
// which their versions differ makes answers stale until it was asked about.
func (a *attempt) passes(c *tasker.Change) {
	if c.Table != tasker.WorkflowSteps || !a.provisional.Load() || c.Op != tasker.Insert && c.Op != tasker.Update {
		return
	}
	if RulesDiffer(&c.WorkflowStep, "", tasker.NoTime, tasker.NoTime) {
		a.watcher.AskRules()
		a.suspend(errRulesAsked)
	}
}

// diagnose finds out whether what ended the attempt is that the database has
// lost what is needed: then it ends everything.
func (a *attempt) diagnose(ctx context.Context, err error) error {
	var incomplete *IncompleteError
	var relation *RelationError
	switch {
	case errors.As(err, &incomplete):
		if stop := StopError(incomplete.Differences); stop != nil {
			return &stopError{stop}
		}
	case !errors.As(err, &relation) && !errors.Is(err, ErrRewritten):
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.f.o.ProbeTimeout)
	defer cancel()
	conn, dialErr := a.dialer.session(ctx)
	if dialErr != nil {
		return err // the next attempt will see
	}
	defer closeSession(conn.PgConn())
	var oids []uint32
	for i := range a.layout.Tables {
		oids = append(oids, a.layout.Tables[i].OID)
	}
	now, readErr := ReadFingerprint(ctx, conn, FingerprintOptions{Schema: a.schema, Publication: a.f.o.Publication, Known: oids})
	if readErr != nil {
		return err
	}
	if stop := StopError(Diff(a.base, now, a.schema, a.f.o.ApplicationName)); stop != nil {
		return &stopError{stop}
	}
	return err
}

// closeReplication ends the replication connection, whatever it is doing.
func closeReplication(conn *pgconn.PgConn) {
	if conn.IsBusy() || conn.IsClosed() {
		closeSession(conn) // in the middle of a command: cancels it
		return
	}
	hangUp(conn.Conn())
	closeSession(conn)
}
