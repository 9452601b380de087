package replication

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// tableRights is what our role may do with a followed table.
type tableRights struct {
	OID     uint32
	Owner   bool
	Hidden  bool     // row level security hides rows from us
	Columns []string // followed columns that we may not read
}

// rightsSQL asks for tableRights: $1 oids, $2 and $3 the followed columns, one
// row each, as pairs of table's oid and name.
const rightsSQL = `
SELECT c.oid, pg_has_role(c.relowner, 'USAGE'), row_security_active(c.oid),
    ARRAY(
        SELECT f.name
        FROM unnest($2::oid[], $3::text[]) f(relation, name)
        JOIN pg_attribute a ON a.attrelid = f.relation AND a.attname = f.name AND NOT a.attisdropped
        WHERE f.relation = c.oid AND NOT has_column_privilege(a.attrelid, a.attnum, 'SELECT')
    )::text[]
FROM pg_class c
WHERE c.oid = ANY ($1::oid[])
ORDER BY c.relname`

func readRights(ctx context.Context, conn Querier, l *Layout, schema string) ([]tableRights, error) {
	var oids, relations []uint32
	var names []string
	for i := range tasker.FollowedTables {
		info := &tasker.Schema[i]
		t := l.Table(schema, info.Name)
		if t == nil {
			continue
		}
		oids = append(oids, t.OID)
		for _, c := range info.Followed {
			relations, names = append(relations, t.OID), append(names, c.Name)
		}
	}
	rows, err := conn.Query(ctx, rightsSQL, oids, relations, names)
	if err != nil {
		return nil, fmt.Errorf("asking for our rights: %w", err)
	}
	rights, err := pgx.CollectRows(rows, pgx.RowToStructByPos[tableRights])
	if err != nil {
		return nil, fmt.Errorf("asking for our rights: %w", err)
	}
	return rights, nil
}

const scriptRemedy = "run the script that tasker-sidecar doctor --sql prints, as the owner of the tables"

// checkPrivileges looks at what the role may read, and sees.
func (p *preflight) checkPrivileges(ctx context.Context) {
	l, role := &p.report.Layout, p.server.Role
	var usage bool
	if err := p.conn.QueryRow(ctx, "SELECT has_schema_privilege($1, 'USAGE')", p.report.Schema).Scan(&usage); err != nil {
		p.failed(CheckPrivileges, err)
		return
	}
	rights, err := readRights(ctx, p.conn, l, p.report.Schema)
	if err != nil {
		p.failed(CheckPrivileges, err)
		return
	}
	fine := usage
	if !usage {
		p.add(CheckPrivileges, SeverityError, scriptRemedy, "role %s may not use schema %s", role, p.report.Schema)
	}
	var hidden []string
	p.server.ownsTables = true
	for _, r := range rights {
		name := l.ByOID(r.OID).FullName()
		p.server.ownsTables = p.server.ownsTables && r.Owner
		if len(r.Columns) > 0 {
			fine = false
			p.add(CheckPrivileges, SeverityError, scriptRemedy, "role %s may not read %s of %s", role, strings.Join(r.Columns, ", "), name)
		}
		if r.Hidden {
			hidden = append(hidden, name)
		}
	}
	if fine {
		p.ok(CheckPrivileges, "role %s may read all followed columns", role)
	}
	if len(hidden) > 0 {
		p.add(CheckRowSecurity, SeverityError, fmt.Sprintf("as a superuser: ALTER ROLE %s BYPASSRLS", quote(role)),
			"row level security applies to role %s: the snapshot would lack rows of %s that the log does not lack", role, strings.Join(hidden, ", "))
		return
	}
	p.ok(CheckRowSecurity, "row level security hides nothing from role %s", role)
}

// checkPublication judges the publication, or whether it can be created.
func (p *preflight) checkPublication() {
	l, schema := &p.report.Layout, p.report.Schema
	if l.Publication == nil {
		switch {
		case p.server.ownsTables && p.server.MayCreate:
			p.add(CheckPublication, SeverityInfo, "", "publication %s is not there; it is created at the start", p.o.Publication)
		case p.server.ownsTables:
			p.add(CheckPublication, SeverityError, fmt.Sprintf("as the owner of the database: GRANT CREATE ON DATABASE %s TO %s", quote(p.server.Database), quote(p.server.Role)),
				"publication %s is not there, and role %s may not create in database %s", p.o.Publication, p.server.Role, p.server.Database)
		default:
			p.add(CheckPublication, SeverityError, scriptRemedy,
				"publication %s is not there, and role %s cannot create it, as it does not own the tables (%s does)", p.o.Publication, p.server.Role, strings.Join(l.owners(schema), ", "))
		}
		return
	}
	lacks := l.lacks(schema)
	for _, f := range lacks {
		f.Remedy = attachRemedy
		p.report.Findings = append(p.report.Findings, f)
	}
	if len(lacks) > 0 {
		return
	}
	p.ok(CheckPublication, "publication %s carries all that is needed", p.o.Publication)
	if extra := l.superfluous(schema); len(extra) > 0 {
		p.add(CheckPublication, SeverityWarning, fmt.Sprintf("ALTER PUBLICATION %s DROP TABLE ..., unless somebody else reads it", quote(p.o.Publication)),
			"publication %s also sends tables that nobody here reads: %s", p.o.Publication, strings.Join(extra, ", "))
	}
	if whole := l.publishedWhole(schema, p.o.AllColumns); len(whole) > 0 {
		p.add(CheckPublication, SeverityInfo, "tasker-sidecar publication attach gives it the lists again",
			"publication %s sends whole rows of %s", p.o.Publication, strings.Join(whole, ", "))
	}
}

// owners are those of the followed tables.
func (l *Layout) owners(schema string) []string {
	var owners []string
	for _, name := range followedNames() {
		if t := l.Table(schema, name); t != nil {
			owners = append(owners, t.Owner)
		}
	}
	slices.Sort(owners)
	return slices.Compact(owners)
}

// publishedWhole are tables that the publication has without the column list
// that they could have.
func (l *Layout) publishedWhole(schema string, allColumns bool) []string {
	if l.Publication == nil {
		return nil
	}
	var names []string
	for _, name := range followedNames() {
		t := l.Table(schema, name)
		if t == nil || l.columnList(t, allColumns) == nil {
			continue
		}
		if named := l.Publication.published(t.OID); named == nil || named.Columns == nil {
			names = append(names, t.FullName())
		}
	}
	return names
}
