package schema

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrNotInstalled is returned, wrapped, where something needs the schema
// tasker_sidecar and it is not there.
var ErrNotInstalled = errors.New("the schema tasker_sidecar is not installed: run tasker-sidecar install")

// NewerError says that the database's schema has migrations that this program
// does not know. It must not write there; the functions in the database go on.
type NewerError struct{ Version, Known int }

func (e *NewerError) Error() string {
	return fmt.Sprintf("the schema tasker_sidecar is at version %d and this program knows it up to %d: use a program at least as new as the one that installed it", e.Version, e.Known)
}

// OlderError says that the database's schema lacks migrations that this program
// relies on.
type OlderError struct{ Version, Known int }

func (e *OlderError) Error() string {
	return fmt.Sprintf("the schema tasker_sidecar is at version %d and this program needs %d: run tasker-sidecar install", e.Version, e.Known)
}

// ChangedError says that migrations which were applied are not those that this
// program has under the same number.
type ChangedError struct {
	Versions []int
	// Names are those of the versions, as this program has them.
	Names []string
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("the schema tasker_sidecar was made by other sources of %s than this program has (their checksums differ): use the program that installed it, or uninstall with that one and install anew", strings.Join(e.Names, ", "))
}

// RightsError says what the role lacks.
type RightsError struct {
	Role string
	// Lacks are what is missing, each in a few words.
	Lacks  []string
	Remedy string
}

func (e *RightsError) Error() string {
	return fmt.Sprintf("role %s %s: %s", e.Role, strings.Join(e.Lacks, ", and "), e.Remedy)
}

// ForeignError lists objects that are not ours and would go, or stand in the
// way, when ours are dropped. Nothing was changed.
type ForeignError struct{ Objects []string }

func (e *ForeignError) Error() string {
	return "these are not ours, and lie in our schemas or depend on what does; move or drop them first: " + strings.Join(e.Objects, "; ")
}

// RunningError says which sidecar runs. Nothing was changed.
type RunningError struct{ Who []string }

func (e *RunningError) Error() string {
	return "a sidecar runs: " + strings.Join(e.Who, "; ") + "; stop it first, or say --force"
}

// explain says what to do about an error of the server.
func explain(err error, o Options) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	switch pg.Code {
	case pgerrcode.LockNotAvailable:
		return fmt.Errorf("waited %s for a lock in vain; another installation, or a session that uses the schema, holds it (see pg_locks): %w", o.LockTimeout, err)
	case pgerrcode.InsufficientPrivilege:
		return fmt.Errorf("the role has not the right to do this; tasker-sidecar install --dry-run prints the script for one who has: %w", err)
	case pgerrcode.DependentObjectsStillExist:
		return fmt.Errorf("something that is not ours appeared meanwhile and depends on ours: try again, and it will be named: %w", err)
	}
	return err
}
