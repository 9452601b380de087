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
// It is also the one that hears of a shutdown while the stream is busy. Its conn belongs to run.
type probe struct {
	f    *Follower
	conn *pgx.Conn

	slotPID     uint32 // the replication session's
	slotName    string
	pageSize    uint64
	segmentSize uint64
	budget      int64
	spillBase   int64 // spilled when all was applied last
}

const probeSQL = `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint`

// holdSQL asks what slot $1 holds back. restart_lsn is NULL while it is being
// created; the spilled bytes are a sum since then.
const holdSQL = `
SELECT coalesce((pg_current_wal_insert_lsn() - s.restart_lsn)::bigint, 0),
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

// run probes until ctx ends or something is wrong, which it returns.
func (p *probe) run(ctx context.Context) error {
	o := &p.f.o
	tick := time.NewTicker(o.ProbeInterval)
	defer tick.Stop()
	const holdEvery = time.Second
	lastHold := o.Now()
	for {
		if err := p.once(ctx, o.Now().Sub(lastHold) >= holdEvery); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if o.Now().Sub(lastHold) >= holdEvery {
			lastHold = o.Now()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (p *probe) once(ctx context.Context, hold bool) error {
	ctx, cancel := context.WithTimeout(ctx, p.f.o.ProbeTimeout)
	defer cancel()
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
	if hold {
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
	var behind, spilled int64
	err := p.conn.QueryRow(ctx, holdSQL, p.slotName).Scan(&behind, &spilled)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // not created yet, or just gone: the stream will tell
	}
	if err != nil {
		return p.explain(err)
	}
	if spilled < p.spillBase || p.f.counters.applied.Load() >= p.f.counters.server.Load() {
		p.spillBase = spilled
	}
	c := &p.f.counters
	c.walBehind.Store(behind)
	c.spilled.Store(spilled - p.spillBase)
	if total := behind + spilled - p.spillBase; total > p.budget {
		return fmt.Errorf("%w: %d bytes, of which %d are spilled by decoding; %d are allowed",
			ErrWALBehind, total, spilled-p.spillBase, p.budget)
	}
	return nil
}
