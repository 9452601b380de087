package writer

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// session is a transaction on a connection, as the statements of the package see
// it: each method that reads or writes is one round trip.
type session struct {
	w    *Writer
	conn *pgx.Conn
	xid  string // of the transaction, once the locks are had
}

// begin is to be the first in a batch of statements. It does nothing in a
// transaction that it has begun already; a hook's it gives settings.
func (s *session) begin(b *pgx.Batch) {
	if s.w.hooks.Begin == nil {
		if s.conn.PgConn().TxStatus() != 'I' {
			return
		}
		b.Queue("BEGIN ISOLATION LEVEL READ COMMITTED")
	}
	o := &s.w.o
	var statement, idle *string // as the hook has set them
	if s.w.hooks.Begin == nil {
		statement, idle = milliseconds(o.StatementTimeout), milliseconds(o.IdleTimeout)
	}
	b.Queue(sqlBegin, milliseconds(o.QueueTimeout), statement, idle)
}

func milliseconds(d time.Duration) *string {
	text := strconv.FormatInt(d.Milliseconds(), 10)
	return &text
}

// lock begins the transaction, locks the entities of the items, which are sorted
// by their locks, and reads what is to be known of them.
func (s *session) lock(ctx context.Context, items []*item) error {
	var b pgx.Batch
	s.begin(&b)
	s.lockKeys(&b, items)
	groups := byKind(items)
	for _, g := range groups {
		s.exists(&b, s.w.sql[g.kind].lockRows, g)
	}
	s.read(&b, groups)
	if err := s.conn.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("locking and reading %s: %w", list(items), err)
	}
	return nil
}

// lockKeys takes the advisory locks.
func (s *session) lockKeys(b *pgx.Batch, items []*item) {
	keys := make([]int64, len(items))
	for i, it := range items {
		keys[i] = it.lock
	}
	b.Queue(sqlLockKeys, keys, milliseconds(s.w.o.LockTimeout)).QueryRow(func(row pgx.Row) error { return row.Scan(nil, nil, &s.xid) })
}

// look reads the same without locks or writing anything, as of one moment.
func (s *session) look(ctx context.Context, items []*item) error {
	var b pgx.Batch
	b.Queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	b.Queue(sqlBegin, milliseconds(s.w.o.QueueTimeout), milliseconds(s.w.o.StatementTimeout), milliseconds(s.w.o.IdleTimeout))
	groups := byKind(items)
	for _, g := range groups {
		s.exists(&b, s.w.sql[g.kind].findRows, g)
	}
	s.read(&b, groups)
	b.Queue("COMMIT")
	if err := s.conn.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("reading %s: %w", list(items), err)
	}
	return nil
}

// exists notes which rows there are.
func (s *session) exists(b *pgx.Batch, sql string, g group) {
	for _, it := range g.items {
		it.seen = seen{}
	}
	b.Queue(sql, g.ids).Query(func(rows pgx.Rows) error {
		var id int64
		_, err := pgx.ForEachRow(rows, []any{&id}, func() error {
			g.byID[id].seen.exists = true
			return nil
		})
		return err
	})
}

func (s *session) read(b *pgx.Batch, groups []group) {
	for _, g := range groups {
		readStates(b, s.w.sql[g.kind].readStates, g)
		readUndone(b, s.w.sql[g.kind].readUndone, g)
	}
	before := false
	for _, g := range groups {
		before = readEarlier(b, s.w.sql[g.kind].readEarlier, g) || before
	}
	if !before {
		return
	}
	b.Queue(sqlPosition).QueryRow(func(row pgx.Row) error {
		lsn, err := scanLSN(row)
		for _, g := range groups {
			for _, it := range g.items {
				if it.seen.earlier != nil {
					it.seen.earlier.lsn = lsn
				}
			}
		}
		return err
	})
}

func readStates(b *pgx.Batch, sql string, g group) {
	b.Queue(sql, g.ids).Query(func(rows pgx.Rows) error {
		var id int64
		var recent, top *int64
		var state *string
		var sortKey *int32
		var now pgtype.Timestamp
		_, err := pgx.ForEachRow(rows, []any{&id, &recent, &state, &top, &sortKey, &now}, func() error {
			v := &g.byID[id].seen
			v.recent, v.state, v.top, v.sortKey = or(recent), or(state), or(top), or(sortKey)
			v.at = tasker.TimestampOf(now.Time)
			return nil
		})
		return err
	})
}

// mostUndone is how many of the undone a refusal names.
const mostUndone = 20

// readUndone reads what guards ask about, of those that go where a guard is.
func readUndone(b *pgx.Batch, sql string, g group) {
	var ids []int64
	for _, it := range g.items {
		if it.machine.Guarded(it.request.To) {
			ids = append(ids, it.request.ID)
		}
	}
	if len(ids) == 0 {
		return
	}
	b.Queue(sql, ids, mostUndone).Query(func(rows pgx.Rows) error {
		var id, total int64
		var undone statemachine.Undone
		_, err := pgx.ForEachRow(rows, []any{&id, &undone.WorkflowStepID, &undone.State, &total}, func() error {
			f := &g.byID[id].seen.facts
			f.Undone = append(f.Undone, undone)
			f.More = int(total) - len(f.Undone)
			return nil
		})
		return err
	})
}

// readEarlier reads what a request has made before, of those that have a key or
// were committing when their connection was lost. It says whether there are any.
func readEarlier(b *pgx.Batch, sql string, g group) bool {
	var ids []int64
	var keys []*string
	var lost []*string
	var sortKeys []int32
	var states, metadata []string
	for _, it := range g.items {
		var key *string
		if it.request.Key != "" {
			key = &it.request.Key
		}
		var doubt *string
		if it.doubt != "" {
			doubt = &it.doubt
		}
		if key != nil || doubt != nil {
			ids, keys, lost = append(ids, it.request.ID), append(keys, key), append(lost, doubt)
			sortKeys, states, metadata = append(sortKeys, it.doubtKey), append(states, it.request.To), append(metadata, it.metadata)
		}
	}
	if len(ids) == 0 {
		return false
	}
	b.Queue(sql, ids, keys, lost, sortKeys, states, metadata).Query(func(rows pgx.Rows) error {
		var id int64
		var e earlier
		var at pgtype.Timestamp
		var from, digest *string
		var ours *bool
		_, err := pgx.ForEachRow(rows, []any{&id, &e.id, &e.to, &e.sortKey, &at, &from, &digest, &ours}, func() error {
			found := e
			found.at, found.from, found.digest, found.ours = tasker.TimestampOf(at.Time), or(from), or(digest), or(ours)
			g.byID[id].seen.earlier = &found
			return nil
		})
		return err
	})
	return true
}

func or[T any](v *T) T {
	if v == nil {
		var zero T
		return zero
	}
	return *v
}

func scanLSN(row pgx.Row) (tasker.LSN, error) {
	var text string
	if err := row.Scan(&text); err != nil {
		return 0, err
	}
	return tasker.ParseLSN(text)
}
