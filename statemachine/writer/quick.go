package writer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// maybeQuick says whether the quick way is worth trying: for one transition that
// nobody has been in the way of, and that nobody wants to look at under the locks.
func (s *session) maybeQuick(items []*item) bool {
	h := &s.w.hooks
	return len(items) == 1 && items[0].tries == 0 && h.Begin == nil && h.Check == nil && h.Written == nil
}

// quick performs one transition and holds its row for the server's time alone: it
// reads without the row's lock, and then locks, looks whether all is still so,
// writes and commits in one round trip. When done is false and there is no error,
// nothing is written and nothing is decided: the careful way says what is in the
// way.
func (s *session) quick(ctx context.Context, it *item) (done bool, err error) {
	items := []*item{it}
	g := byKind(items)[0]
	st := s.w.sql[g.kind]
	it.seen = seen{exists: true} // the statement that writes finds out
	var b pgx.Batch
	s.begin(&b)
	s.lockKeys(&b, items)
	readStates(&b, st.readStates, g)
	readEarlier(&b, st.readEarlier, g)
	if err := s.conn.SendBatch(ctx, &b).Close(); err != nil {
		return false, fmt.Errorf("locking and reading %s: %w", list(items), err)
	}
	if it.transition, it.verdict = decide(&it.prepared, &it.seen); it.verdict != nil {
		return false, nil
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	b = pgx.Batch{}
	b.Queue(st.lockRows, g.ids)
	s.whole(&b, st, it)
	heeded := s.heed(ctx)
	lsn, err := s.commit(ctx, &b)
	gaveUp := heeded()
	switch {
	case err == nil || errors.Is(err, errCommitLost):
		return err == nil, s.ended(items, items, lsn, err)
	case gaveUp:
		return false, ctx.Err()
	case race(err):
		return false, err
	}
	s.rollback(ctx)
	return false, nil
}

// whole writes a transition in one statement, which fails where it would write
// nothing.
func (s *session) whole(b *pgx.Batch, st *statements, it *item) {
	m := moveOf(&it.transition)
	sql := st.quick[m]
	if it.seen.recent == 0 {
		sql = st.quickFirst[m]
	}
	args := []any{it.request.ID, it.seen.recent, it.request.To, it.metadata, it.seen.sortKey + sortKeyStep}
	if _, changes := st.columns[m]; changes {
		var wait *int32
		if it.request.BackoffSeconds.Valid {
			wait = &it.request.BackoffSeconds.V
		}
		args = append(args, it.results, wait)
	}
	b.Queue(sql, args...).QueryRow(func(row pgx.Row) error {
		var at pgtype.Timestamp
		err := row.Scan(&it.written, &at)
		it.seen.at = tasker.TimestampOf(at.Time)
		return err
	})
}

// heed asks the server to give up what it is doing for this session when ctx ends
// meanwhile: for a lock it may wait. The function that it gives is to be called
// when the answer is there, and says whether that was done; the connection is
// closed then, because the request may still be on its way.
func (s *session) heed(ctx context.Context) (heeded func() bool) {
	asked := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(asked)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.w.o.CommitTimeout)
		defer cancel()
		_ = s.conn.PgConn().CancelRequest(ctx) // otherwise it is waited for
	})
	return func() bool {
		if stop() {
			return false
		}
		<-asked
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = s.conn.Close(ctx)
		return true
	}
}
