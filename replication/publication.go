package replication

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// PublicationOptions say which publication is meant and what it is to carry.
type PublicationOptions struct {
	// Name is the publication's.
	// Defaults to DefaultPublication.
	Name string
	// Schema is the one with the engine's tables.
	// Defaults to "": the one schema that has them all.
	Schema string
	// AllColumns publishes whole rows where otherwise the columns that an
	// answer needs are listed: migrations are free then to drop and retype
	// columns, and the log carries more. Servers before 15.2, and tables with
	// replica identity FULL, always have it so.
	// Defaults to false.
	AllColumns bool
	// LockTimeout bounds the wait for the tables' locks (SHARE UPDATE
	// EXCLUSIVE: it does not hold up reads or writes, and waits for
	// migrations and VACUUM).
	// Defaults to 10 seconds.
	LockTimeout time.Duration
}

func (o PublicationOptions) withDefaults() PublicationOptions {
	if o.Name == "" {
		o.Name = DefaultPublication
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = 10 * time.Second
	}
	return o
}

// EnsurePublication sees to it that the publication exists and carries all that
// following needs. One that is missing is created, in one transaction, when the
// role may; one that exists is never touched: it is accepted when it covers
// what is needed, and refused otherwise with a *SetupError that says what it
// lacks. The error of a refusal is not permanent, as others may mend it.
// Only where the publication makes the server refuse the application's own
// updates, because a replica identity has outgrown a column list, it is brought
// in order as by [AttachPublication], if the role may.
// conn must not be in a transaction.
func EnsurePublication(ctx context.Context, conn *pgx.Conn, o PublicationOptions) error {
	harmful := false
	err := o.change(ctx, conn, func(l *Layout, schema string) []string {
		if l.Publication != nil {
			harmful = l.blocksWrites(schema)
			return nil
		}
		return []string{l.createStatement(schema, o.withDefaults())}
	})
	if err != nil && harmful && AttachPublication(ctx, conn, o) == nil {
		return nil
	}
	return err
}

// AttachPublication brings the publication to the state in which
// [EnsurePublication] creates it: creates it, or gives it the tables, lists and
// operations that it should have. Its owner has to be asking, who owns the
// tables, too. conn must not be in a transaction.
func AttachPublication(ctx context.Context, conn *pgx.Conn, o PublicationOptions) error {
	return o.change(ctx, conn, func(l *Layout, schema string) []string {
		return l.attachStatements(schema, o.withDefaults())
	})
}

// DetachPublication makes the publication let go of single columns: its tables
// stay in it, without column lists. So a migration can drop or retype a column
// that was listed, while the log stays complete. [AttachPublication] undoes it.
// On a server without column lists there is nothing to do. Its owner has to be
// asking. conn must not be in a transaction.
func DetachPublication(ctx context.Context, conn *pgx.Conn, o PublicationOptions) error {
	o.AllColumns = true
	return o.change(ctx, conn, func(l *Layout, schema string) []string {
		if l.Publication == nil {
			return nil
		}
		return l.attachStatements(schema, o.withDefaults())
	})
}

// change runs the statements that decide gives for the layout found, and judges
// what comes out, in one transaction.
func (o PublicationOptions) change(ctx context.Context, conn *pgx.Conn, decide func(l *Layout, schema string) []string) error {
	o = o.withDefaults()
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		l, schema, err := o.read(ctx, tx)
		if err != nil {
			return err
		}
		statements := decide(l, schema)
		if len(statements) == 0 {
			if l.Publication == nil {
				return &SetupError{Check: CheckPublication, What: "there is no publication " + o.Name, Remedy: "nothing has to be detached"}
			}
			return l.refusePublication(schema)
		}
		if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", o.LockTimeout.Milliseconds())); err != nil {
			return err
		}
		for _, s := range statements {
			if _, err := tx.Exec(ctx, s); err != nil {
				return explainPublication(err, l, o)
			}
		}
		if l, schema, err = o.read(ctx, tx); err != nil {
			return err
		}
		return l.refusePublication(schema)
	})
	var known *SetupError
	if err != nil && !errors.As(err, &known) {
		return fmt.Errorf("publication %s: %w", o.Name, err)
	}
	return err
}

// read reads the layout of the schema and refuses one that cannot be followed.
func (o PublicationOptions) read(ctx context.Context, conn Querier) (*Layout, string, error) {
	f, err := ReadFingerprint(ctx, conn, FingerprintOptions{Schema: o.Schema, Publication: o.Name})
	if err != nil {
		return nil, "", err
	}
	l := f.Layout()
	schema, err := l.Schema(o.Schema)
	if err != nil {
		return nil, "", err
	}
	return &l, schema, l.refuseTables(schema)
}

// missingTables are findings for followed tables that the schema lacks.
func (l *Layout) missingTables(schema string) []Finding {
	var missing []string
	for _, name := range followedNames() {
		if l.Table(schema, name) == nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return []Finding{{Check: CheckTables, Severity: SeverityError,
		What:   fmt.Sprintf("schema %s of database %s lacks %s", schema, l.Database, strings.Join(missing, ", ")),
		Remedy: "run the engine's migrations, or name the right schema with --schema"}}
}

// unfitTables are findings for all that keeps the schema's tables from being
// followed.
func (l *Layout) unfitTables(schema string) []Finding {
	found := l.missingTables(schema)
	for _, name := range followedNames() {
		if t := l.Table(schema, name); t != nil {
			found = append(found, t.unfit()...)
		}
	}
	return found
}

// refuseTables is nil when the schema's tables can be followed.
func (l *Layout) refuseTables(schema string) error {
	return setupError(l.unfitTables(schema), true)
}

// refusePublication is nil when the publication carries what is needed.
func (l *Layout) refusePublication(schema string) error {
	found := l.lacks(schema)
	if len(found) > 0 {
		found[0].Remedy = attachRemedy
	}
	return setupError(found, false)
}

const attachRemedy = "as the owner of the tables run tasker-sidecar publication attach, or the script that tasker-sidecar doctor --sql prints"

// setupError makes one error of all findings, nil of none.
func setupError(found []Finding, permanent bool) error {
	if len(found) == 0 {
		return nil
	}
	e := &SetupError{Check: found[0].Check, Permanent: permanent}
	var what, remedies []string
	seen := map[string]bool{}
	for _, f := range found {
		what = append(what, f.What)
		if f.Remedy != "" && !seen[f.Remedy] {
			seen[f.Remedy] = true
			remedies = append(remedies, f.Remedy)
		}
	}
	e.What, e.Remedy = strings.Join(what, "; "), strings.Join(remedies, "; ")
	return e
}
