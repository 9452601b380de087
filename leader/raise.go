package leader

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// The epoch has to be on the disk of this server before anybody writes under
// it. A synchronous standby is not waited for: without it nobody could lead,
// and if it takes over without this commit, its holder is another than ours.
const durableSQL = `SET LOCAL synchronous_commit = local`

const raiseSQL = `UPDATE tasker_sidecar.leader SET epoch = epoch + 1, holder = $1, since = pg_catalog.clock_timestamp() RETURNING epoch, since`

// raise makes the session's lock a lease: it raises the epoch, which waits for
// the write transaction that the leader before may have open.
func (s *session) raise(ctx context.Context) (Term, error) {
	for try := 1; ; try++ {
		term, err := s.raiseOnce(ctx)
		if !waitedForLock(err) || errors.As(err, new(*hookError)) {
			return term, err
		}
		// It was given the time that idle transactions have. Its leader is
		// deposed already, and perhaps in the middle of a COPY, where no
		// timeout of the server's reaches it.
		ended, endErr := s.endHolder(ctx)
		if endErr != nil {
			return Term{}, errors.Join(err, endErr)
		}
		if try == 3 {
			return Term{}, err
		}
		s.o.Logger.Warn("a write transaction of a leader before stood in the way", "ended", ended)
	}
}

// hookError marks what Options.Raise returned.
type hookError struct{ err error }

func (e *hookError) Error() string { return e.err.Error() }
func (e *hookError) Unwrap() error { return e.err }

func (s *session) raiseOnce(ctx context.Context) (Term, error) {
	term := Term{Holder: s.o.Name + " " + strings.ToLower(rand.Text()[:10])}
	tx, err := s.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	if err != nil {
		return Term{}, explained("raising the epoch", err)
	}
	defer rollback(ctx, tx)
	if _, err := tx.Exec(ctx, durableSQL); err != nil {
		return Term{}, explained("raising the epoch", err)
	}
	if err := tx.QueryRow(ctx, raiseSQL, term.Holder).Scan(&term.Epoch, &term.Since); err != nil {
		return Term{}, explained("raising the epoch", err)
	}
	if err := s.o.Raise(ctx, tx, term); err != nil {
		return Term{}, &hookError{fmt.Errorf("taking over at epoch %d: %w", term.Epoch, err)}
	}
	if err := tx.Commit(ctx); err != nil {
		return Term{}, explained(fmt.Sprintf("raising the epoch to %d", term.Epoch), err)
	}
	return term, nil
}

// The row's xmax is the transaction that has it locked, and each transaction
// holds a lock on its own number. Only sessions of our own role are ended.
const holderSQL = `
SELECT a.pid, coalesce(a.usename, ''), coalesce(a.application_name, ''),
       CASE WHEN a.usename = current_user THEN pg_catalog.pg_terminate_backend(a.pid) ELSE false END
  FROM tasker_sidecar.leader AS l
  JOIN pg_catalog.pg_locks AS k ON k.locktype = 'transactionid' AND k.granted AND k.transactionid = l.xmax
  JOIN pg_catalog.pg_stat_activity AS a ON a.pid = k.pid
 WHERE a.pid <> pg_catalog.pg_backend_pid()`

// endHolder ends the session whose transaction has the row with the epoch
// locked, and says which; nothing when there is none any more.
func (s *session) endHolder(ctx context.Context) (string, error) {
	var pid int32
	var role, application string
	var ended bool
	err := s.conn.QueryRow(ctx, holderSQL).Scan(&pid, &role, &application, &ended)
	if errors.Is(err, pgx.ErrNoRows) {
		return "nobody", nil
	}
	if err != nil {
		return "", explained("looking for who has the row with the epoch locked", err)
	}
	who := fmt.Sprintf("process %d (%s) of role %s", pid, application, role)
	if !ended {
		return "", fmt.Errorf("%s keeps the row of tasker_sidecar.leader locked and is not ours to end; end it with pg_terminate_backend(%d)", who, pid)
	}
	return who, nil
}

// rollback ends a transaction that was not committed, also when what it was
// for has ended.
func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = tx.Rollback(ctx)
}
