package replication

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// columnListVersion is the first server version whose column lists can be
// relied on, as server_version_num.
const columnListVersion = 150002

// unfit lists why a followed table, as it is, cannot be followed; nothing when
// it can. No publication can make up for any of it.
func (t *TableLayout) unfit() []Finding {
	table, ok := tasker.TableByName(t.Name)
	if !ok {
		return nil
	}
	info := table.Info()
	var found []Finding
	report := func(check, what, remedy string) {
		found = append(found, Finding{Check: check, Severity: SeverityError, What: what, Remedy: remedy})
	}
	name, sqlName := t.FullName(), quote(t.Schema, t.Name)

	switch {
	case t.Kind == "p", t.Partition:
		report(CheckPartitions, name+" is partitioned or a partition",
			"follow an undivided table, as the engine's migrations create it")
		return found // nothing else of it has a meaning
	case t.Kind != "r":
		report(CheckTables, fmt.Sprintf("%s is not a table but %s", name, relationKind(t.Kind)),
			"name the schema with the engine's own tables with --schema")
		return found
	case t.Children:
		report(CheckPartitions, "other tables inherit from "+name+"; their rows would be missing",
			"detach them: ALTER TABLE ... NO INHERIT "+sqlName)
	}
	if t.Persistence != "p" {
		report(CheckPersistence, name+" is unlogged: its changes are not in the log",
			"ALTER TABLE "+sqlName+" SET LOGGED")
	}
	for _, want := range info.Followed {
		c := t.Column(want.Name)
		switch {
		case c == nil:
			report(CheckColumns, fmt.Sprintf("%s has no column %s", name, want.Name),
				"run the engine's migrations, or bring the column back: "+want.Type)
		case c.Type != want.Type:
			report(CheckColumns, fmt.Sprintf("%s.%s is %s; %s is expected", name, want.Name, c.Type, want.Type),
				fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s", sqlName, quote(want.Name), want.Type))
		case c.Generated:
			report(CheckColumns, fmt.Sprintf("%s.%s is a generated column, which the log does not carry", name, want.Name),
				fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP EXPRESSION", sqlName, quote(want.Name)))
		}
	}
	return append(found, t.unfitIdentity(info)...)
}

// unfitIdentity lists why the log would not tell which row was changed.
func (t *TableLayout) unfitIdentity(info *tasker.TableInfo) []Finding {
	name, sqlName := t.FullName(), quote(t.Schema, t.Name)
	switch {
	case !slices.Equal(t.KeyColumns, []string{info.Key}):
		has := "has no primary key"
		if len(t.KeyColumns) > 0 {
			has = "has the primary key (" + strings.Join(t.KeyColumns, ", ") + ")"
		}
		return []Finding{{Check: CheckReplicaIdentity, Severity: SeverityError,
			What:   fmt.Sprintf("%s %s; it must be %s", name, has, info.Key),
			Remedy: fmt.Sprintf("ALTER TABLE %s ADD PRIMARY KEY (%s)", sqlName, quote(info.Key))}}
	case t.ReplicaIdentity == "n":
		return []Finding{{Check: CheckReplicaIdentity, Severity: SeverityError,
			What:   name + " has replica identity NOTHING: its updates and deletes cannot be published",
			Remedy: "ALTER TABLE " + sqlName + " REPLICA IDENTITY DEFAULT"}}
	case t.ReplicaIdentity != "f" && !slices.Contains(t.IdentityColumns, info.Key):
		return []Finding{{Check: CheckReplicaIdentity, Severity: SeverityError,
			What: fmt.Sprintf("%s has an index without %s as its replica identity (%s): deletes do not tell which row is gone",
				name, info.Key, strings.Join(t.IdentityColumns, ", ")),
			Remedy: "ALTER TABLE " + sqlName + " REPLICA IDENTITY DEFAULT"}}
	}
	return nil
}

// columnList is what the publication has to list of a table that can be
// followed, in the order of the table; nil means all columns, because lists
// are not wanted, not to be had, or would not cover the replica identity.
func (l *Layout) columnList(t *TableLayout, allColumns bool) []string {
	if allColumns || l.ServerVersion < columnListVersion || t.ReplicaIdentity == "f" {
		return nil
	}
	table, _ := tasker.TableByName(t.Name)
	followed := table.Info().Followed
	var list []string
	for _, c := range t.Columns {
		needed := slices.ContainsFunc(followed, func(f tasker.Column) bool { return f.Name == c.Name })
		if needed || slices.Contains(t.IdentityColumns, c.Name) {
			list = append(list, c.Name)
		}
	}
	return list
}

// lacks lists why the publication does not carry all that is needed of the
// schema's tables, which are fit; nothing when it does.
func (l *Layout) lacks(schema string) []Finding {
	p := l.Publication
	var found []Finding
	report := func(format string, args ...any) {
		found = append(found, Finding{Check: CheckPublication, Severity: SeverityError,
			What: "publication " + p.Name + " " + fmt.Sprintf(format, args...)})
	}
	if p.AllTables {
		report("is FOR ALL TABLES: whatever else is written in this database would be sent, too")
	}
	var missing []string
	for _, op := range []struct {
		name string
		has  bool
	}{{"insert", p.Insert}, {"update", p.Update}, {"delete", p.Delete}, {"truncate", p.Truncate}} {
		if !op.has {
			missing = append(missing, op.name)
		}
	}
	if len(missing) > 0 {
		report("does not publish %s", strings.Join(missing, ", "))
	}
	for _, name := range followedNames() {
		t := l.Table(schema, name)
		if t == nil {
			continue // reported as a missing table
		}
		if !slices.Contains(p.Covers, t.OID) {
			report("does not have %s", t.FullName())
			continue
		}
		named := p.published(t.OID)
		if named == nil {
			continue // by its schema, whole
		}
		if named.Filter != "" {
			report("has a row filter on %s", t.FullName())
		}
		if named.Columns == nil {
			continue
		}
		if t.ReplicaIdentity == "f" {
			report("has a column list for %s, whose replica identity is FULL: the server refuses every update and delete of that table", t.FullName())
			continue
		}
		var absent []string
		for _, c := range l.columnList(t, false) {
			if !slices.Contains(named.Columns, c) {
				absent = append(absent, c)
			}
		}
		if len(absent) > 0 {
			report("does not list %s of %s", strings.Join(absent, ", "), t.FullName())
		}
	}
	return found
}

// blocksWrites is whether the publication keeps a table of the schema from being
// updated: the server refuses that while a column list lacks a column of the
// replica identity.
func (l *Layout) blocksWrites(schema string) bool {
	p := l.Publication
	if !p.Update && !p.Delete {
		return false
	}
	for _, name := range followedNames() {
		t := l.Table(schema, name)
		if t == nil {
			continue
		}
		named := p.published(t.OID)
		if named == nil || named.Columns == nil {
			continue
		}
		lacks := func(c string) bool { return !slices.Contains(named.Columns, c) }
		if t.ReplicaIdentity == "f" || slices.ContainsFunc(t.IdentityColumns, lacks) {
			return true
		}
	}
	return false
}

// superfluous are the tables that the publication sends and nobody reads.
func (l *Layout) superfluous(schema string) []string {
	var names []string
	for _, t := range l.Publication.Tables {
		if _, ok := tasker.TableByName(t.Name); !ok || t.Schema != schema {
			names = append(names, t.Schema+"."+t.Name)
		} else if table, _ := tasker.TableByName(t.Name); int(table) > tasker.FollowedTables {
			names = append(names, t.Schema+"."+t.Name)
		}
	}
	return names
}

func relationKind(kind string) string {
	switch kind {
	case "v":
		return "a view"
	case "m":
		return "a materialized view"
	case "f":
		return "a foreign table"
	}
	return "a relation of kind " + kind
}
