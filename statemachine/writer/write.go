package writer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// write flips, inserts and sets the columns of the items that are to be written.
// Their results are filled in; those that somebody else was faster with are
// returned, and then the transaction is not to be committed.
func (s *session) write(ctx context.Context, items []*item) (lost []*item, err error) {
	var b pgx.Batch
	for _, g := range byKind(items) {
		st := s.w.sql[g.kind]
		s.flip(&b, st.flip, g)
		s.insert(&b, st.insert, g)
		s.columns(&b, st, g)
	}
	for _, it := range items {
		it.flipped, it.written = it.seen.recent == 0, 0
	}
	if err := s.conn.SendBatch(ctx, &b).Close(); err != nil {
		return nil, fmt.Errorf("writing transitions of %s: %w", list(items), err)
	}
	for _, it := range items {
		switch {
		case !it.flipped:
			s.w.counts.overtaken.Add(1)
			lost = append(lost, it)
		case it.written == 0:
			s.w.counts.uniqueViolations.Add(1)
			lost = append(lost, it)
		}
	}
	return lost, nil
}

func (s *session) flip(b *pgx.Batch, sql string, g group) {
	var recent []int64
	for _, it := range g.items {
		if it.seen.recent != 0 {
			recent = append(recent, it.seen.recent)
		}
	}
	if len(recent) == 0 {
		return
	}
	b.Queue(sql, recent, g.at().Time()).Query(func(rows pgx.Rows) error {
		var id int64
		_, err := pgx.ForEachRow(rows, []any{&id}, func() error {
			if it := g.byID[id]; it != nil {
				it.flipped = true
			}
			return nil
		})
		return err
	})
}

func (s *session) insert(b *pgx.Batch, sql string, g group) {
	states, metadata, sortKeys := make([]string, len(g.items)), make([]string, len(g.items)), make([]int32, len(g.items))
	for i, it := range g.items {
		states[i], metadata[i], sortKeys[i] = it.request.To, it.metadata, it.seen.sortKey+sortKeyStep
	}
	b.Queue(sql, g.ids, states, metadata, sortKeys, g.at().Time()).Query(func(rows pgx.Rows) error {
		var id, transition int64
		_, err := pgx.ForEachRow(rows, []any{&id, &transition}, func() error {
			g.byID[id].written = transition
			return nil
		})
		return err
	})
}

// columns sets those of the entities' own rows: a statement for each kind of
// transition among the items.
func (s *session) columns(b *pgx.Batch, st *statements, g group) {
	type arrays struct {
		ids      []int64
		results  []*string
		backoffs []*int32
	}
	var order []string
	updates := map[string]*arrays{}
	for _, it := range g.items {
		sql, ok := st.columns[moveOf(&it.transition)]
		if !ok {
			continue
		}
		a := updates[sql]
		if a == nil {
			a = new(arrays)
			updates[sql], order = a, append(order, sql)
		}
		var backoff *int32
		if it.request.BackoffSeconds.Valid {
			backoff = &it.request.BackoffSeconds.V
		}
		a.ids, a.results, a.backoffs = append(a.ids, it.request.ID), append(a.results, it.results), append(a.backoffs, backoff)
	}
	for _, sql := range order {
		a := updates[sql]
		b.Queue(sql, a.ids, g.at().Time(), a.results, a.backoffs)
	}
}

// errCommitLost says that the answer to a COMMIT did not come.
var errCommitLost = errors.New("the connection was lost while committing")

// commit ends the transaction, after the statements that are in the batch and if
// none of them fails, in one round trip, and gives a position that has it. Once it
// is sent, the caller's giving up does not cut it short.
func (s *session) commit(ctx context.Context, b *pgx.Batch) (lsn tasker.LSN, err error) {
	patience := s.w.o.CommitTimeout
	if b.Len() > 0 {
		patience += 3 * s.w.o.LockTimeout // for the row, the old transition, and an index
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	committed, said := false, ""
	b.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error {
		said = tag.String()
		committed = said == "COMMIT"
		return nil
	})
	b.Queue(sqlPosition).QueryRow(func(row pgx.Row) (err error) {
		lsn, err = scanLSN(row)
		return err
	})
	err = s.conn.SendBatch(ctx, b).Close()
	switch {
	case err == nil && committed:
		return lsn, nil
	case err == nil:
		return 0, fmt.Errorf("committing: the server has answered %s instead", said)
	case committed: // the next attempt finds that, and where it is in the log
		return 0, fmt.Errorf("%w: its position is not known: %w", errCommitLost, err)
	case s.conn.IsClosed():
		return 0, fmt.Errorf("%w: %w", errCommitLost, err)
	}
	return 0, fmt.Errorf("committing: %w", err)
}

// rollback gives the transaction up. When that fails the pool drops the
// connection, and the server the transaction.
func (s *session) rollback(ctx context.Context) {
	if s.conn.IsClosed() || s.conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, _ = s.conn.Exec(ctx, "ROLLBACK")
}

// result is that of an item that was written.
func (it *item) result(lsn tasker.LSN) Result {
	return Result{Kind: it.request.Kind, ID: it.request.ID, TransitionID: it.written, From: statemachine.Current(it.seen.state), To: it.request.To,
		Event: it.transition.Event, SortKey: it.seen.sortKey + sortKeyStep, At: it.seen.at, LSN: lsn}
}
