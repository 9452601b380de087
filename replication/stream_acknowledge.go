package replication

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// acknowledger tells the server, from a goroutine of its own and by its own
// timer, what is applied. So the server hears from us while a snapshot is read
// and while a change takes long, and does not hear from us when this process
// stands still; then it ends the connection after Options.WALSenderTimeout.
// Each regular message asks for an answer, which brings the server's position
// even when it has nothing to send.
type acknowledger struct {
	f    *Follower
	conn *pgconn.PgConn
	wake chan struct{}

	received, applied atomic.Uint64 // positions; set by the stream
	confirmed         tasker.LSN    // to the server; belongs to run
}

func newAcknowledger(f *Follower, conn *pgconn.PgConn, from tasker.LSN) *acknowledger {
	a := &acknowledger{f: f, conn: conn, wake: make(chan struct{}, 1)}
	a.received.Store(uint64(from))
	a.applied.Store(uint64(from))
	a.confirmed = from
	f.written.Store(uint64(Released)) // of the new slot nobody has said anything
	f.ack.Store(a)
	return a
}

// soon asks for a message at once.
func (a *acknowledger) soon() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// run sends until ctx ends or the connection fails.
func (a *acknowledger) run(ctx context.Context) error {
	tick := time.NewTicker(a.f.o.StatusInterval)
	defer tick.Stop()
	for ping := true; ; {
		if err := a.send(ctx, ping); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("acknowledging: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			ping = true
		case <-a.wake:
			ping = false
		}
	}
}

func (a *acknowledger) send(ctx context.Context, ping bool) error {
	// What is written is never ahead of what is applied, but for positions of
	// another server; and what was confirmed stays so.
	written := tasker.LSN(a.f.written.Load())
	a.confirmed = max(a.confirmed, min(tasker.LSN(a.applied.Load()), written))
	confirmed := pglogrepl.LSN(a.confirmed)
	if err := a.conn.Conn().SetWriteDeadline(time.Now().Add(a.f.o.WALSenderTimeout)); err != nil {
		return err
	}
	err := pglogrepl.SendStandbyStatusUpdate(ctx, a.conn, pglogrepl.StandbyStatusUpdate{
		// All three explicitly: what is zero would be taken for received.
		WALWritePosition: max(confirmed, pglogrepl.LSN(a.received.Load())),
		WALFlushPosition: confirmed,
		WALApplyPosition: confirmed,
		ReplyRequested:   ping,
	})
	if err == nil {
		a.f.counters.flushed.Store(uint64(confirmed))
	}
	return err
}
