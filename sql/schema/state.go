package schema

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sql"
)

// Querier is what asking needs of a connection; *pgx.Conn, pgx.Tx and a pool
// satisfy it.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

var embedded = sync.OnceValues(func() ([]migration, error) { return readMigrations(sql.Migrations, "migrations") })

// Version is the version of the schema that this program knows and writes.
func Version() int {
	all, err := embedded()
	if err != nil {
		panic(err) // the files are part of the program, and a test reads them
	}
	return len(all)
}

// State is what is installed in a database. The zero value: nothing.
type State struct {
	// Version is that of the schema tasker_sidecar; 0: it is not installed.
	Version int
	// Applied are its migrations, in order.
	Applied []Applied
	// Logged is whether its rows outlive a crash.
	Logged bool
	// Extension is whether it was made by CREATE EXTENSION, which then is the
	// only one to change it.
	Extension bool
	// Main and Compat are the two schemas.
	Main, Compat Schema
}

// Schema is what the catalog says of a schema.
type Schema struct {
	Exists bool
	Owner  string
	// Owned is whether our role is its owner, or has the owner's rights.
	Owned bool
}

// Applied is a migration that was applied.
type Applied struct {
	Version  int
	Name     string
	Checksum string
	At       time.Time
}

const stateSQL = `
SELECT
    n.nspname::text,
    pg_get_userbyid(n.nspowner)::text,
    pg_has_role(n.nspowner, 'USAGE'),
    EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'migrations' AND c.relkind = 'r'),
    EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'step_rows' AND c.relkind = 'r' AND c.relpersistence = 'p'),
    EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')
FROM pg_namespace n
WHERE n.nspname IN ('tasker_sidecar', 'tasker_sidecar_compat')`

// ReadState reads what is installed. It needs no right beyond being connected.
func ReadState(ctx context.Context, conn Querier) (State, error) {
	var s State
	rows, err := conn.Query(ctx, stateSQL)
	if err != nil {
		return s, fmt.Errorf("look for the schema %s: %w", Name, err)
	}
	var name string
	var found Schema
	var migrations, logged, extension, recorded bool
	_, err = pgx.ForEachRow(rows, []any{&name, &found.Owner, &found.Owned, &migrations, &logged, &extension}, func() error {
		found.Exists = true
		s.Extension = s.Extension || extension
		if name == CompatName {
			s.Compat = found
			return nil
		}
		s.Main, s.Logged, recorded = found, logged, migrations
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("look for the schema %s: %w", Name, err)
	}
	if !recorded {
		return s, nil
	}
	rows, err = conn.Query(ctx, "SELECT version, name, checksum, applied_at FROM tasker_sidecar.migrations ORDER BY version")
	if err != nil {
		return s, fmt.Errorf("read the migrations of schema %s: %w", Name, err)
	}
	s.Applied, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Applied])
	if err != nil {
		return s, fmt.Errorf("read the migrations of schema %s: %w", Name, err)
	}
	if len(s.Applied) > 0 {
		s.Version = s.Applied[len(s.Applied)-1].Version
	}
	return s, nil
}

// Check says whether this program may write rows into the database: nil; an
// error that wraps [ErrNotInstalled]; or an [*OlderError], [*NewerError] or
// [*ChangedError].
func Check(ctx context.Context, conn Querier) error {
	s, err := ReadState(ctx, conn)
	if err != nil {
		return err
	}
	known, err := embedded()
	if err != nil {
		return err
	}
	switch {
	case s.Version == 0:
		return ErrNotInstalled
	case s.Version < len(known):
		return &OlderError{Version: s.Version, Known: len(known)}
	}
	return s.refuse(known)
}

// refuse is nil when the state is one that the known migrations lead to.
func (s *State) refuse(known []migration) error {
	if s.Version > len(known) {
		return &NewerError{Version: s.Version, Known: len(known)}
	}
	var changed ChangedError
	for i, a := range s.Applied {
		if a.Version != i+1 {
			return fmt.Errorf("the schema %s has no migration %d, but later ones: its table migrations was tampered with", Name, i+1)
		}
		if m := &known[i]; a.Checksum != m.checksum {
			changed.Versions = append(changed.Versions, m.version)
			changed.Names = append(changed.Names, m.String())
		}
	}
	if changed.Versions != nil {
		return &changed
	}
	return nil
}
