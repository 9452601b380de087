package leader

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// session is the connection that tries for the lock and then holds it. It
// belongs to one goroutine at a time.
type session struct {
	o    *Options
	conn *pgx.Conn
}

// openSession connects, and refuses what cannot hold a lock or take writes.
func openSession(ctx context.Context, o *Options) (*session, error) {
	conn, err := o.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting for the leader's lock: %w", err)
	}
	s := &session{o: o, conn: conn}
	if err := s.prepare(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// prepare makes the session independent of what the database or the role sets
// by default. The two idle timeouts are what ends the reign of a leader that
// stands still: its kernel would go on answering TCP keepalives.
func (s *session) prepare(ctx context.Context) error {
	settings := []string{
		"idle_session_timeout = " + milliseconds(s.o.LeaseTimeout),
		"idle_in_transaction_session_timeout = " + milliseconds(s.o.TransactionIdleTimeout),
		"statement_timeout = " + milliseconds(s.o.StatementTimeout),
		"lock_timeout = " + milliseconds(s.o.TransactionIdleTimeout),
		"search_path = pg_catalog, pg_temp", "client_min_messages = warning",
	}
	major, _, _ := strings.Cut(s.conn.PgConn().ParameterStatus("server_version"), ".")
	if n, err := strconv.Atoi(major); err == nil && n >= 17 {
		settings = append(settings, "transaction_timeout = 0")
	}
	if _, err := s.conn.Exec(ctx, "SET "+strings.Join(settings, "; SET ")); err != nil {
		return fmt.Errorf("preparing the session for the leader's lock: %w", err)
	}
	const sql = `SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')::boolean`
	var pid uint32
	var recovering, readOnly bool
	if err := s.conn.QueryRow(ctx, sql).Scan(&pid, &recovering, &readOnly); err != nil {
		return fmt.Errorf("preparing the session for the leader's lock: %w", err)
	}
	switch promised := s.conn.PgConn().PID(); {
	case pid != promised:
		return fmt.Errorf("%w (the connection was announced as process %d and is served by %d)", ErrPooler, promised, pid)
	case recovering:
		return fmt.Errorf("%w: it is a standby, or still recovering", ErrReadOnly)
	case readOnly:
		return fmt.Errorf("%w: default_transaction_read_only is on for it, for the role or for the server", ErrReadOnly)
	}
	if _, err := s.conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return fmt.Errorf("preparing the session for the leader's lock: %w", err)
	}
	return nil
}

// A waiting pg_advisory_lock() would hold a snapshot, and with it back whatever
// vacuum could remove, for as long as another leads: so the lock is only tried.
var pollSQL = fmt.Sprintf(`SELECT epoch, holder, since, CASE WHEN $1 THEN pg_catalog.pg_try_advisory_lock(%d) ELSE false END
  FROM tasker_sidecar.leader`, LockKey)

// poll looks at who leads and, if it is to, tries for the lock.
func (s *session) poll(ctx context.Context, try bool) (seen Term, locked bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.patience())
	defer cancel()
	err = s.conn.QueryRow(ctx, pollSQL, try).Scan(&seen.Epoch, &seen.Holder, &seen.Since, &locked)
	return seen, locked, explained("trying for the leader's lock", err)
}

// wait returns after the time given, or before it when a leader gives its lock
// back; with an error at once when the session ends, or ctx.
func (s *session) wait(ctx context.Context, d time.Duration) error {
	short, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	_, err := s.conn.WaitForNotification(short)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case short.Err() != nil && !s.conn.IsClosed():
		return nil
	}
	return err
}

// ping tells the server that we live, and asks whether the lease still holds.
func (s *session) ping(l *Lease) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.o.patience())
	defer cancel()
	var now Term
	err := s.conn.QueryRow(ctx, readTermSQL).Scan(&now.Epoch, &now.Holder, &now.Since)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: no answer to a ping within %s", ErrLost, s.o.patience())
	case err != nil:
		return fmt.Errorf("%w: %w", ErrLost, explained("asking for the epoch", err))
	case now.Epoch != l.term.Epoch || now.Holder != l.term.Holder:
		return fmt.Errorf("%w: ours was %s, now it is %s", ErrDeposed, l.term, now)
	}
	return nil
}

// unlock gives the lock back, so that the session can go on trying.
func (s *session) unlock(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.patience())
	defer cancel()
	if _, err := s.conn.Exec(ctx, fmt.Sprintf("SELECT pg_catalog.pg_advisory_unlock(%d)", LockKey)); err != nil {
		return fmt.Errorf("giving the leader's lock back: %w", err)
	}
	return nil
}

// handOver gives the lock back and tells the others.
func (s *session) handOver() {
	if s.unlock(context.Background()) == nil {
		ctx, cancel := context.WithTimeout(context.Background(), s.o.patience())
		defer cancel()
		_, _ = s.conn.Exec(ctx, "NOTIFY "+channel) // who does not hear of it polls
	}
}

// close ends the session, and waits until it is closed, but not long. The
// server gives a lock back that it may still hold.
func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = s.conn.Close(ctx)
	select {
	case <-s.conn.PgConn().CleanupDone():
	case <-ctx.Done():
	}
}

// pingInterval and patience: see the package comment.
func (o *Options) pingInterval() time.Duration { return o.LeaseTimeout / 5 }
func (o *Options) patience() time.Duration     { return o.LeaseTimeout * 3 / 5 }

func milliseconds(d time.Duration) string { return strconv.FormatInt(max(1, d.Milliseconds()), 10) }
