package replication

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

var (
	// ErrWALBehind is the cause when the slot was given up because it held
	// back more of the primary's log than Options.MaxWALBehind.
	ErrWALBehind = errors.New("the replication slot held back too much of the server's log")
	// ErrShutdown is the cause when the server announced that it is going down.
	ErrShutdown = errors.New("the server is shutting down")
	// ErrStandstill is the cause when the server waited for a position that
	// did not move.
	ErrStandstill = errors.New("the applied position stood still while the server waited for it")
	// ErrRewritten is the cause when a table was rewritten while it was loaded.
	ErrRewritten = errors.New("a table was rewritten during the load")
	// ErrSilent is the cause when the server did not answer pings.
	ErrSilent = errors.New("the server stopped answering")
	// ErrRulesChanged is the cause when the database's functions turned out to
	// follow another version of the rules than the answers were made by.
	ErrRulesChanged = errors.New("the rules are others than those that answers were made by")
	// ErrMalformed is wrapped by every error about bytes that are not what
	// the protocol says.
	ErrMalformed = errors.New("malformed data from the server")
)

// errRulesAsked is the cause while a step that tells the rules is asked about.
var errRulesAsked = errors.New("the rules were provisional, and there is a step now that tells them: it is being asked about")

// RelationError says that a followed table is no longer what it was when it
// was loaded, so that the log does not tell all that is needed.
type RelationError struct {
	Table  tasker.Table
	Column string // empty when the whole table is meant
	What   string // what is wrong with it
}

func (e *RelationError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("table %s %s", e.Table, e.What)
	}
	return fmt.Sprintf("column %s of table %s %s", e.Column, e.Table, e.What)
}

// ValueError says that a column holds what no row of the engine has.
type ValueError struct {
	Table  tasker.Table
	Column string
	LSN    tasker.LSN // where in the log; 0 in a snapshot
	What   string
}

func (e *ValueError) Error() string {
	where := "in the snapshot"
	if e.LSN != 0 {
		where = "at " + e.LSN.String()
	}
	return fmt.Sprintf("column %s of table %s holds %s (%s)", e.Column, e.Table, e.What, where)
}

func (e *ValueError) Unwrap() error { return ErrMalformed }

// Permanent tells whether an error is one that trying again does not mend:
// wrong credentials, a missing database, table, column or right, a setting of
// the server. While the first start has not succeeded such an error ends
// [Follower.Run]; later a server that restarts or fails over can look the same,
// so it is shown and tried again.
func Permanent(err error) bool {
	var setup *SetupError
	return errors.As(Explain(err), &setup) && setup.Permanent
}

// isShutdown tells whether the server ended a session because it goes down.
func isShutdown(err error) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return false
	}
	switch pgErr.Code {
	case pgerrcode.AdminShutdown, pgerrcode.CrashShutdown, pgerrcode.CannotConnectNow:
		return true
	}
	return false
}

// IncompleteError says that the log may no longer tell everything that the
// answers rely on, and what has changed.
type IncompleteError struct{ Differences []Difference }

func (e *IncompleteError) Error() string {
	what := make([]string, len(e.Differences))
	for i, d := range e.Differences {
		what[i] = d.What
	}
	return "the log may no longer tell everything: " + strings.Join(what, "; ")
}
