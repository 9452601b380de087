package replication

import (
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// diffRelation compares a relation message of the log with the layout that was
// known at the snapshot. The message is of the position in the log at which it
// comes, so that it tells earlier than the catalog, and in order, that a table
// has another shape. A table that is not followed has no differences.
func diffRelation(known *Layout, schema string, r *relation) []Difference {
	was := known.ByOID(r.oid)
	if was == nil {
		if t := known.Table(schema, r.name); t != nil && r.schema == schema {
			return []Difference{{Consequence: Rebuild, Table: t.FullName(), What: "table " + t.FullName() + " was re-created"}}
		}
		return nil
	}
	table, ok := tasker.TableByName(was.Name)
	if !ok || was.Schema != schema || int(table) > tasker.FollowedTables {
		return nil
	}
	name := was.FullName()
	var found []Difference
	add := func(format string, args ...any) {
		found = append(found, Difference{Consequence: Rebuild, Table: name, What: fmt.Sprintf(format, args...)})
	}
	if r.schema != was.Schema || r.name != was.Name {
		add("table %s is %s.%s now", name, r.schema, r.name)
	}
	if string(rune(r.identity)) != was.ReplicaIdentity {
		add("the replica identity of %s was %s and is another in the log now (%c)", name, identity(was), r.identity)
	}
	for _, want := range table.Info().Followed {
		c := was.Column(want.Name)
		if c == nil {
			continue // never was; the preflight refuses that
		}
		i := r.find(want.Name)
		switch {
		case i < 0:
			add("the log does not carry column %s.%s any more", name, want.Name)
		case r.columns[i].typeOID != c.TypeOID:
			add("column %s.%s has another type in the log now (oid %d, it was %d)", name, want.Name, r.columns[i].typeOID, c.TypeOID)
		case int(r.columns[i].modifier) != c.Modifier:
			add("column %s.%s has another length or precision in the log now", name, want.Name)
		}
	}
	return found
}
