package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// probe is the session that asks the server how it is, as long as an attempt
// lasts: where its log is, whom the slot waits for, what the slot holds back.
// It is also the one that hears of a shutdown while the stream is busy.
type probe struct {
	f      *Follower
	dialer *dialer
	conn   *pgx.Conn // belongs to run

	slotPID     uint32 // the replication session's
	slotName    string
	pageSize    uint64
	segmentSize uint64
	budget      int64

	looked time.Time // when what is held back was looked at last
	// Decoding had spilled markSpilled bytes when the server was at mark, and
	// of spillBase of them it is known that they are deleted again: once the
	// slot needs nothing before mark, all transactions of then have ended.
	mark                   int64
	markSpilled, spillBase int64
}

const probeSQL = `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint`

// holdSQL asks what slot $1 holds back. restart_lsn is NULL while it is being
// created; the spilled bytes are a sum since then.
const holdSQL = `
SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint,
       coalesce((s.restart_lsn - '0/0'::pg_lsn)::bigint, 0),
       coalesce(t.spill_bytes, 0)
  FROM pg_replication_slots s
  LEFT JOIN pg_stat_replication_slots t ON t.slot_name = s.slot_name
 WHERE s.slot_name = $1`

const limitsSQL = `
SELECT current_setting('wal_block_size')::bigint,
       pg_size_bytes(current_setting('wal_segment_size')),
       coalesce((SELECT setting::bigint FROM pg_settings WHERE name = 'max_slot_wal_keep_size'), -1)`

// readLimits learns what does not change while a server runs, and the budget.
func (p *probe) readLimits(ctx context.Context) error {
	var keepMegabytes int64
	if err := p.conn.QueryRow(ctx, limitsSQL).Scan(&p.pageSize, &p.segmentSize, &keepMegabytes); err != nil {
		return fmt.Errorf("reading the server's settings: %w", err)
	}
	p.budget = budget(p.f.o.MaxWALBehind, keepMegabytes)
	p.f.counters.maxWAL.Store(p.budget)
	return nil
}

// budget is what a slot may hold back: what is configured, or half of what the
// server keeps for a slot (-1: no bound), or 1 GiB.
func budget(configured, keepMegabytes int64) int64 {
	switch {
	case configured > 0:
		return configured
	case keepMegabytes > 0:
		return keepMegabytes << 20 / 2
	}
	return 1 << 30
}

// run probes until ctx ends or something is wrong, which it returns. Once the
// stream runs, a probe that fails is not: the stream knows best whether the
// server lives, and the age of the answers grows meanwhile. Its session is
// replaced then. During a load the guard would end everything.
func (p *probe) run(ctx context.Context) error {
	o := &p.f.o
	tick := time.NewTicker(o.ProbeInterval)
	defer tick.Stop()
	defer func() { closeSession(p.conn.PgConn()) }()
	const lookEvery = time.Second
	for {
		look := o.Now().Sub(p.looked) >= lookEvery
		if err := p.once(ctx, look); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, ErrShutdown) || errors.Is(err, ErrWALBehind) || p.f.counters.phase.Load().state != StateStreaming {
				return err
			}
			p.f.log.Warn("the server's position is not known", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// reconnect replaces a session that has ended.
func (p *probe) reconnect(ctx context.Context) error {
	conn, err := p.dialer.session(ctx)
	if err != nil {
		return p.explain(err)
	}
	closeSession(p.conn.PgConn())
	p.conn = conn
	return nil
}

func (p *probe) once(ctx context.Context, look bool) error {
	ctx, cancel := context.WithTimeout(ctx, p.f.o.ProbeTimeout)
	defer cancel()
	if p.conn.IsClosed() {
		if err := p.reconnect(ctx); err != nil {
			return err
		}
	}
	asked := p.f.o.Now()
	var micros, insert int64
	if err := p.conn.QueryRow(ctx, probeSQL).Scan(&micros, &insert); err != nil {
		return p.explain(err)
	}
	p.f.clock.told(asked, p.f.o.Now(), time.UnixMicro(micros))
	lsn := endOfRecord(tasker.LSN(insert), p.pageSize, p.segmentSize) //nolint:gosec // positions are positive
	p.f.counters.server.Store(uint64(lsn))
	p.f.know(p.f.age.probed(lsn, asked))
	if p.f.counters.phase.Load().state == StateWaitingForSlot {
		if err := p.reportBlockers(ctx); err != nil {
			return p.explain(err)
		}
	}
	if look {
		return p.checkHold(ctx)
	}
	return nil
}

func (p *probe) explain(err error) error {
	switch {
	case isShutdown(err):
		return fmt.Errorf("%w: %w", ErrShutdown, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: no answer to a probe within %s", ErrSilent, p.f.o.ProbeTimeout)
	}
	return fmt.Errorf("probing the server: %w", err)
}

// reportBlockers tells whom the slot's creation waits for.
func (p *probe) reportBlockers(ctx context.Context) error {
	blockers, err := readBlockers(ctx, p.conn, p.slotPID)
	if err != nil {
		return err
	}
	before := p.f.counters.blockers.Swap(&blockers)
	if len(blockers) > 0 && (before == nil || len(*before) == 0 || (*before)[0].PID != blockers[0].PID) {
		p.f.log.Info("creating the slot waits for a transaction to end", "blocker", blockers[0].String(), "of", len(blockers))
	}
	return nil
}

// checkHold gives the slot up when it holds back too much.
func (p *probe) checkHold(ctx context.Context) error {
	p.looked = p.f.o.Now()
	var insert, restart, total int64
	err := p.conn.QueryRow(ctx, holdSQL, p.slotName).Scan(&insert, &restart, &total)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // not created yet, or just gone: the stream will tell
	}
	if err != nil {
		return p.explain(err)
	}
	if restart == 0 {
		return nil // still being created
	}
	if restart >= p.mark {
		p.spillBase = p.markSpilled
		p.mark, p.markSpilled = insert, total
	}
	behind, spilled := insert-restart, total-min(p.spillBase, total)
	p.f.counters.walBehind.Store(behind)
	p.f.counters.spilled.Store(spilled)
	if held := behind + spilled; held > p.budget {
		return fmt.Errorf("%w: %d bytes, of which %d are spilled by decoding; %d are allowed",
			ErrWALBehind, held, spilled, p.budget)
	}
	return nil
}
