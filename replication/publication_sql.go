package replication

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
)

// publishedOperations is what a publication has to publish, as WITH (publish)
// takes it. publish_via_partition_root stays off: partitioned tables are
// refused, and for others it has no meaning.
const publishedOperations = "insert, update, delete, truncate"

// tableClauses are the tables of the schema as CREATE and ALTER PUBLICATION
// name them, with column lists where they are to be.
func (l *Layout) tableClauses(schema string, allColumns bool) []string {
	var clauses []string
	for _, name := range followedNames() {
		t := l.Table(schema, name)
		if t == nil {
			continue
		}
		clause := quote(schema, name)
		if list := l.columnList(t, allColumns); list != nil {
			quoted := make([]string, len(list))
			for i, c := range list {
				quoted[i] = quote(c)
			}
			clause += " (" + strings.Join(quoted, ", ") + ")"
		}
		clauses = append(clauses, clause)
	}
	return clauses
}

func (l *Layout) createStatement(schema string, o PublicationOptions) string {
	return fmt.Sprintf("CREATE PUBLICATION %s FOR TABLE\n    %s\nWITH (publish = '%s')",
		quote(o.Name), strings.Join(l.tableClauses(schema, o.AllColumns), ",\n    "), publishedOperations)
}

// attachStatements bring the publication to what it should be, wherever it
// stands now.
func (l *Layout) attachStatements(schema string, o PublicationOptions) []string {
	create := l.createStatement(schema, o)
	switch {
	case l.Publication == nil:
		return []string{create}
	case l.Publication.AllTables: // cannot be altered into another kind
		return []string{"DROP PUBLICATION " + quote(o.Name), create}
	}
	return []string{
		fmt.Sprintf("ALTER PUBLICATION %s SET TABLE\n    %s", quote(o.Name), strings.Join(l.tableClauses(schema, o.AllColumns), ",\n    ")),
		fmt.Sprintf("ALTER PUBLICATION %s SET (publish = '%s')", quote(o.Name), publishedOperations),
	}
}

// explainPublication says what to do about a failed statement on a publication.
func explainPublication(err error, l *Layout, o PublicationOptions) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	does := "creating"
	if l.Publication != nil {
		does = "altering"
	}
	e := &SetupError{Check: CheckPublication, Err: err, What: fmt.Sprintf("%s publication %s failed: %s", does, o.Name, pg.Message)}
	switch pg.Code {
	case pgerrcode.InsufficientPrivilege:
		e.Permanent = true
		e.What = fmt.Sprintf("%s publication %s needs the owner of the tables, who may create in the database: %s", does, o.Name, pg.Message)
		e.Remedy = attachRemedy
	case pgerrcode.LockNotAvailable:
		e.What = fmt.Sprintf("%s publication %s waited %s for the tables' locks in vain", does, o.Name, o.LockTimeout)
		e.Remedy = "a migration or VACUUM holds them; see pg_locks, and try again when it is over"
	case pgerrcode.DuplicateObject:
		e.What = "publication " + o.Name + " was created by somebody else at this moment"
		e.Remedy = "try again"
	case pgerrcode.ReadOnlySQLTransaction:
		e.Permanent = true
		e.Remedy = "name the primary, and a role without default_transaction_read_only, with --database-url"
	default:
		e.Remedy = attachRemedy
	}
	return e
}
