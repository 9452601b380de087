package schema

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Install brings the database to the newest version that this program knows
// and runs the steps. What is there already stays; to run it twice, or from two
// places at once, does no harm. conn must not be in a transaction.
//
// Errors: [*NewerError], [*ChangedError], [*RightsError] before anything was
// changed; others tell what failed, and leave what earlier transactions did.
func Install(ctx context.Context, conn *pgx.Conn, o Options) error {
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	i := installation{Options: o, in: func(_ string, f func(pgx.Tx) error) error { return pgx.BeginFunc(ctx, conn, f) }}
	var s State
	err = pgx.BeginTxFunc(ctx, conn, reading, func(tx pgx.Tx) (err error) {
		s, err = i.prepare(ctx, tx)
		return err
	})
	if err == nil {
		err = i.run(ctx, &s)
	}
	return explain(err, o)
}

// reading are transactions that only look.
var reading = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

// catalogFirst makes names mean the catalog's until the transaction ends,
// whatever the session has been told.
const catalogFirst = "SET LOCAL search_path = pg_catalog, pg_temp"

// installation is one run. in runs f in a transaction, which a comment describes.
type installation struct {
	Options
	in       func(comment string, f func(pgx.Tx) error) error
	planning bool
	values   values
}

// prepare reads what there is and refuses what cannot become an installation.
func (i *installation) prepare(ctx context.Context, tx pgx.Tx) (State, error) {
	if _, err := tx.Exec(ctx, catalogFirst); err != nil {
		return State{}, err
	}
	if err := refuseServer(ctx, tx, i.planning); err != nil {
		return State{}, err
	}
	s, err := ReadState(ctx, tx)
	if err != nil {
		return s, err
	}
	if err := i.refuse(ctx, tx, &s); err != nil {
		return s, err
	}
	engine, err := Engine(ctx, tx, i.Engine)
	i.values = values{engine: engine, logged: i.Persistence == Logged || i.Persistence == Keep && s.Logged}
	return s, err
}

func (i *installation) run(ctx context.Context, s *State) error {
	if !i.FunctionsOnly {
		for n := s.Version; n < len(i.migrations); n++ {
			if err := i.apply(ctx, &i.migrations[n]); err != nil {
				return err
			}
		}
	}
	return i.finish(ctx)
}

// refuse is nil where an installation may begin.
func (i *installation) refuse(ctx context.Context, conn Querier, s *State) error {
	if s.Extension {
		return fmt.Errorf("the schemas belong to the extension tasker_sidecar: ALTER EXTENSION tasker_sidecar UPDATE brings them to a newer version")
	}
	if s.Main.Exists && s.Version == 0 && !i.FunctionsOnly {
		return fmt.Errorf("there is a schema %s that is not ours (it lacks our table migrations), owned by %s: drop or rename it first", Name, s.Main.Owner)
	}
	if err := s.refuse(i.migrations); err != nil {
		return err
	}
	if err := refuseRoles(ctx, conn, append(i.Sidecar[:len(i.Sidecar):len(i.Sidecar)], i.Readers...)); err != nil {
		return err
	}
	if i.planning { // for somebody else to run
		return nil
	}
	return i.refuseRights(ctx, conn, s)
}

// refuseServer is nil on a server that can be written to; whoever only plans
// need not be able to.
func refuseServer(ctx context.Context, conn Querier, planning bool) error {
	var version int
	var recovery, readOnly bool
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool`).
		Scan(&version, &recovery, &readOnly)
	switch {
	case err != nil:
		return fmt.Errorf("ask for the server's version: %w", err)
	case version < 140000:
		return fmt.Errorf("the server is PostgreSQL %d: 14 or later is needed", version/10000)
	case recovery:
		return fmt.Errorf("the server is a standby: name the primary with --database-url")
	case readOnly && !planning:
		return fmt.Errorf("transactions of this role are read-only (default_transaction_read_only): name another role with --database-url")
	}
	return nil
}

func (i *installation) refuseRights(ctx context.Context, conn Querier, s *State) error {
	e := RightsError{Remedy: "let one who may run the script that tasker-sidecar install --dry-run prints"}
	var database string
	var create bool
	err := conn.QueryRow(ctx, "SELECT current_user::text, current_database()::text, has_database_privilege(current_database(), 'CREATE')").
		Scan(&e.Role, &database, &create)
	if err != nil {
		return fmt.Errorf("ask for our rights: %w", err)
	}
	if missing := !s.Compat.Exists || !s.Main.Exists && !i.FunctionsOnly; missing && !create {
		e.Lacks = append(e.Lacks, "may not create schemas in database "+database)
	}
	for _, one := range []struct {
		name string
		Schema
	}{{Name, s.Main}, {CompatName, s.Compat}} {
		if one.Exists && !one.Owned && (one.name == CompatName || !i.FunctionsOnly) {
			e.Lacks = append(e.Lacks, fmt.Sprintf("does not own schema %s (%s does)", one.name, one.Owner))
		}
	}
	if e.Lacks != nil {
		return &e
	}
	return nil
}

func refuseRoles(ctx context.Context, conn Querier, roles []string) error {
	rows, err := conn.Query(ctx, "SELECT name FROM unnest($1::text[]) name WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = name)", roles)
	if err != nil {
		return fmt.Errorf("look for the roles: %w", err)
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for the roles: %w", err)
	}
	if len(missing) > 0 {
		return fmt.Errorf("there is no role %s: name roles that exist, or create it first (CREATE ROLE %s LOGIN)", strings.Join(missing, ", "), quote(missing[0]))
	}
	return nil
}

// enter begins a transaction of an installation: names mean the catalog's, no
// wait is endless, and nobody else installs.
func (o *Options) enter(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, fmt.Sprintf("%s;\nSET LOCAL lock_timeout = %d;\nSELECT pg_catalog.pg_advisory_xact_lock(%d)",
		catalogFirst, o.LockTimeout.Milliseconds(), LockKey))
	return err
}

// apply applies a migration, unless somebody else was faster.
func (i *installation) apply(ctx context.Context, m *migration) error {
	began := time.Now()
	applied := false
	err := i.in("migration "+m.String(), func(tx pgx.Tx) error {
		if err := i.enter(ctx, tx); err != nil {
			return err
		}
		s, err := ReadState(ctx, tx)
		if err != nil {
			return err
		}
		if err := s.refuse(i.migrations); err != nil || s.Version >= m.version {
			return err
		}
		if _, err := tx.Exec(ctx, i.values.render(m.source)); err != nil {
			return err
		}
		applied = true
		_, err = tx.Exec(ctx, fmt.Sprintf("INSERT INTO tasker_sidecar.migrations (version, name, checksum)\nVALUES (%d, %s, %s)",
			m.version, literal(m.name), literal(m.checksum)))
		return err
	})
	if err != nil {
		return fmt.Errorf("migration %s: %w", m, err)
	}
	if applied {
		i.Log(fmt.Sprintf("schema %s: migration %s (%s)", Name, m, time.Since(began).Round(time.Millisecond)))
	}
	return nil
}

// finish does what every installation does anew.
func (i *installation) finish(ctx context.Context) error {
	return i.in("what every installation does anew", func(tx pgx.Tx) error {
		if err := i.enter(ctx, tx); err != nil {
			return err
		}
		s, err := ReadState(ctx, tx)
		if err != nil {
			return err
		}
		steps := append([]Step{compatStep(s)}, i.Steps...)
		if !i.FunctionsOnly {
			steps = append(steps, i.persistenceStep(s), i.grantStep(), i.writersStep())
		}
		for _, step := range steps {
			if step.Run == nil {
				continue
			}
			if err := step.Run(ctx, tx, i.values.engine); err != nil {
				return fmt.Errorf("%s: %w", step.Name, err)
			}
			i.Log(step.Name)
		}
		return nil
	})
}
