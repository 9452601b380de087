package leader

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrDeposed says that the epoch in the database is not the lease's any
	// more. What the refused transaction would have written is not written.
	ErrDeposed = errors.New("no longer the leader: the epoch in the database is another")
	// ErrLost says that the session that held the lock has ended, or was
	// silent for too long: somebody else may lead at any moment.
	ErrLost = errors.New("no longer the leader: the session that held the lock is lost")
	// ErrReleased says that a lease was used after its time: the function that
	// led has returned.
	ErrReleased = errors.New("no longer the leader: the lease was given back")
	// ErrNotReady is for Options.Raise: this process cannot lead yet; the lock
	// is given back, and tried for again a little later.
	ErrNotReady = errors.New("not ready to lead")
	// ErrReadOnly says that the database takes no writes: a standby, or one
	// that is set to default_transaction_read_only. Once it does take them, an
	// elector leads there.
	ErrReadOnly = errors.New("the database takes no writes, so nobody can lead there")
	// ErrNotInstalled says that the table with the epoch is missing, or has
	// lost its row.
	ErrNotInstalled = errors.New("tasker_sidecar.leader is not as the installation made it; run tasker-sidecar install")
	// ErrPooler says that there is a connection pooler in between, through
	// which no session can hold a lock. It is the only error that ends
	// [Elector.Run].
	ErrPooler = errors.New("there is a connection pooler in between, and a lock held by a session would be anybody's: let --database-url lead to the server itself (PgBouncer usually listens on 6432, PostgreSQL on 5432)")
)

// Over tells whether an error means that a lease has ended, whatever ended it:
// stop writing, and return.
func Over(err error) bool {
	return errors.Is(err, ErrDeposed) || errors.Is(err, ErrLost) || errors.Is(err, ErrReleased)
}

// explained says what was being done with our table, and what to do when it or
// a right to it is missing.
func explained(doing string, err error) error {
	var pgErr *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("%s: %w (it has no row)", doing, ErrNotInstalled)
	case !errors.As(err, &pgErr):
		return fmt.Errorf("%s: %w", doing, err)
	}
	switch pgErr.Code {
	case pgerrcode.UndefinedTable, pgerrcode.UndefinedColumn, pgerrcode.InvalidSchemaName:
		return fmt.Errorf("%s: %w: %w", doing, ErrNotInstalled, err)
	case pgerrcode.InsufficientPrivilege:
		return fmt.Errorf("%s: the role needs USAGE on schema tasker_sidecar, and SELECT and UPDATE on tasker_sidecar.leader: %w", doing, err)
	case pgerrcode.ReadOnlySQLTransaction:
		return fmt.Errorf("%s: %w: %w", doing, ErrReadOnly, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// waitedForLock tells whether lock_timeout ended a statement.
func waitedForLock(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == pgerrcode.LockNotAvailable
}

// deposed says by whom, as far as the transaction that found out can tell.
func (l *Lease) deposed(ctx context.Context, tx pgx.Tx) error {
	now, err := readTerm(ctx, tx)
	if err != nil {
		return fmt.Errorf("%w: ours was %d (who has it now is not known: %s)", ErrDeposed, l.term.Epoch, firstLine(err))
	}
	return fmt.Errorf("%w: ours was %s, now it is %s", ErrDeposed, l.term, now)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
