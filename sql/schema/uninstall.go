package schema

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNothing is returned, wrapped, by [Uninstall] where there is nothing of ours.
var ErrNothing = errors.New("nothing of ours is installed in this database")

// UninstallOptions says what goes besides our schemas, and how a sidecar that
// runs is told.
type UninstallOptions struct {
	// Publication is the one to remove, if it is there.
	// Defaults to "": none.
	Publication string
	// SlotPrefix is what the names of a sidecar's replication slots begin with.
	// Defaults to "tasker_sidecar".
	SlotPrefix string
	// LeaderKey is the key of the advisory lock that a leader holds.
	// Defaults to 0: no lock is looked for.
	LeaderKey int64
	// Force goes on although a sidecar runs. It loses its rows and says so.
	// Defaults to false.
	Force bool
	// LockTimeout bounds the wait for each lock.
	// Defaults to 10 seconds.
	LockTimeout time.Duration
	// Log is told in one line each what has been done.
	// Defaults to nil: nobody is told.
	Log func(line string)
}

func (o UninstallOptions) withDefaults() UninstallOptions {
	if o.SlotPrefix == "" {
		o.SlotPrefix = "tasker_sidecar"
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	return o
}

// Uninstall removes our schemas and the publication in one transaction, object
// by object, and gives the settings of roles and databases that still name what
// is gone. conn must not be in a transaction.
//
// Errors, before anything was changed: one that wraps [ErrNothing], a
// [*RunningError], a [*ForeignError], a [*NewerError], a [*RightsError].
func Uninstall(ctx context.Context, conn *pgx.Conn, o UninstallOptions) ([]Setting, error) {
	o = o.withDefaults()
	var left []Setting
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
		if err = o.run(ctx, tx, false); err == nil {
			left, err = RemainingSettings(ctx, tx)
		}
		return err
	})
	return left, explain(err, Options{LockTimeout: o.LockTimeout})
}

// PlanUninstall gives the SQL that [Uninstall] would run, with the statements
// for the remaining settings as comments. Its errors are those of Uninstall, but
// for rights.
func PlanUninstall(ctx context.Context, conn *pgx.Conn, o UninstallOptions) (string, error) {
	o = o.withDefaults()
	o.Log = func(string) {}
	s := newScript("What tasker-sidecar uninstall runs. The role has to own the schemas and the publication.")
	err := s.planned(ctx, conn, func(tx pgx.Tx, in func(string, func(pgx.Tx) error) error) error {
		if _, err := tx.Exec(ctx, catalogFirst); err != nil {
			return err
		}
		return in("removal, all of it or nothing", func(tx pgx.Tx) error { return o.run(ctx, tx, true) })
	})
	if err != nil {
		return "", err
	}
	left, err := RemainingSettings(ctx, conn)
	if err != nil {
		return "", err
	}
	if len(left) > 0 {
		s.text.WriteString("\n-- Settings that still name what is gone:\n")
	}
	for _, setting := range left {
		fmt.Fprintf(&s.text, "-- %s\n", setting.Reset())
	}
	return s.text.String(), nil
}

// run decides and drops; for a plan tx only writes the statements down.
func (o *UninstallOptions) run(ctx context.Context, tx pgx.Tx, planning bool) error {
	enter := Options{LockTimeout: o.LockTimeout}
	if err := enter.enter(ctx, tx); err != nil {
		return err
	}
	if err := refuseServer(ctx, tx, planning); err != nil {
		return err
	}
	s, err := ReadState(ctx, tx)
	if err != nil {
		return err
	}
	publication, err := o.findPublication(ctx, tx)
	if err != nil {
		return err
	}
	if err := o.refuse(ctx, tx, &s, publication, planning); err != nil {
		return err
	}
	present, err := presentObjects(ctx, tx)
	if err != nil {
		return err
	}
	if foreign := foreignObjects(present); foreign != nil {
		return &ForeignError{Objects: foreign}
	}
	statements := dropStatements(present)
	if publication.exists {
		statements = append(statements, "DROP PUBLICATION "+quote(o.Publication))
	}
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
		o.Log(statement)
	}
	return nil
}

func (o *UninstallOptions) refuse(ctx context.Context, conn Querier, s *State, p publication, planning bool) error {
	known, err := embedded()
	switch {
	case err != nil:
		return err
	case !s.Main.Exists && !s.Compat.Exists && !p.exists:
		return ErrNothing
	case s.Extension:
		return fmt.Errorf("the schemas belong to the extension tasker_sidecar: DROP EXTENSION tasker_sidecar removes them")
	case s.Main.Exists && s.Version == 0:
		return fmt.Errorf("schema %s is not ours: it lacks our table migrations", Name)
	case s.Version > len(known):
		return &NewerError{Version: s.Version, Known: len(known)}
	}
	if !planning {
		if err := o.refuseRights(ctx, conn, s, p); err != nil {
			return err
		}
	}
	if o.Force {
		return nil
	}
	who, err := o.running(ctx, conn, s)
	if err != nil {
		return err
	}
	if len(who) > 0 {
		return &RunningError{Who: who}
	}
	return nil
}

func (o *UninstallOptions) refuseRights(ctx context.Context, conn Querier, s *State, p publication) error {
	e := RightsError{Remedy: "let the owner run the script that tasker-sidecar uninstall --dry-run prints"}
	if err := conn.QueryRow(ctx, "SELECT current_user::text").Scan(&e.Role); err != nil {
		return fmt.Errorf("ask who we are: %w", err)
	}
	for _, one := range []struct {
		what, owner   string
		exists, owned bool
	}{
		{"schema " + Name, s.Main.Owner, s.Main.Exists, s.Main.Owned},
		{"schema " + CompatName, s.Compat.Owner, s.Compat.Exists, s.Compat.Owned},
		{"publication " + o.Publication, p.owner, p.exists, p.owned},
	} {
		if one.exists && !one.owned {
			e.Lacks = append(e.Lacks, fmt.Sprintf("does not own %s (%s does)", one.what, one.owner))
		}
	}
	if e.Lacks != nil {
		return &e
	}
	return nil
}

// publication is what the catalog says of ours.
type publication struct {
	exists, owned bool
	owner         string
}

func (o *UninstallOptions) findPublication(ctx context.Context, conn Querier) (publication, error) {
	p := publication{exists: true}
	err := conn.QueryRow(ctx, "SELECT pg_get_userbyid(pubowner)::text, pg_has_role(pubowner, 'USAGE') FROM pg_publication WHERE pubname = $1", o.Publication).
		Scan(&p.owner, &p.owned)
	if errors.Is(err, pgx.ErrNoRows) {
		return publication{}, nil
	}
	if err != nil {
		return publication{}, fmt.Errorf("look for publication %s: %w", o.Publication, err)
	}
	return p, nil
}

// Setting is a setting of a role or a database that names something of ours.
type Setting struct {
	Role     string // empty: of all roles
	Database string // empty: in all databases
	Name     string // such as search_path
	Value    string
}

// String is for people: the statement that made it.
func (s Setting) String() string { return fmt.Sprintf("%s SET %s = %s", s.target(), s.name(), s.Value) }

// Reset is the statement that takes it back.
func (s Setting) Reset() string { return fmt.Sprintf("%s RESET %s;", s.target(), s.name()) }

func (s Setting) target() string {
	switch {
	case s.Role == "" && s.Database == "":
		return "ALTER ROLE ALL"
	case s.Role == "":
		return "ALTER DATABASE " + quote(s.Database)
	case s.Database == "":
		return "ALTER ROLE " + quote(s.Role)
	}
	return "ALTER ROLE " + quote(s.Role) + " IN DATABASE " + quote(s.Database)
}

func (s Setting) name() string {
	if class, name, ok := strings.Cut(s.Name, "."); ok {
		return quote(class, name)
	}
	return s.Name
}

const settingsSQL = `
SELECT coalesce(r.rolname::text, ''), coalesce(d.datname::text, ''), split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)
FROM pg_db_role_setting s
CROSS JOIN LATERAL unnest(s.setconfig) c
LEFT JOIN pg_database d ON d.oid = s.setdatabase
LEFT JOIN pg_roles r ON r.oid = s.setrole
WHERE (s.setdatabase = 0 OR d.datname = current_database())
    AND (c LIKE 'tasker\_sidecar.%' OR c LIKE 'search\_path=%tasker\_sidecar%')
ORDER BY 1, 2, 3`

// RemainingSettings are the settings of roles and databases, by ALTER ROLE and
// ALTER DATABASE, that bear on this database and name something of ours.
func RemainingSettings(ctx context.Context, conn Querier) ([]Setting, error) {
	rows, err := conn.Query(ctx, settingsSQL)
	if err != nil {
		return nil, fmt.Errorf("look for settings of roles: %w", err)
	}
	settings, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Setting])
	if err != nil {
		return nil, fmt.Errorf("look for settings of roles: %w", err)
	}
	return settings, nil
}
