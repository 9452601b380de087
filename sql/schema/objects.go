package schema

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// objectsText lists every object that any version of the schemas has had, a
// line each, in the order in which they are created.
//
//go:embed objects.txt
var objectsText string

//go:embed objects.sql
var objectsSQL string

// knownObjects are the lines of objects.txt.
func knownObjects() []string { return strings.Split(strings.TrimSpace(objectsText), "\n") }

// presentObjects are those that lie in our schemas or depend on what does, in
// the words of objects.txt.
func presentObjects(ctx context.Context, conn Querier) ([]string, error) {
	rows, err := conn.Query(ctx, objectsSQL, []string{Name, CompatName})
	if err != nil {
		return nil, fmt.Errorf("look for what is in our schemas: %w", err)
	}
	present, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for what is in our schemas: %w", err)
	}
	return present, nil
}

// foreignObjects are those of the present ones that are not ours.
func foreignObjects(present []string) []string {
	known := knownObjects()
	var foreign []string
	for _, o := range present {
		if !slices.Contains(known, o) {
			foreign = append(foreign, o)
		}
	}
	return foreign
}

// dropStatements drop the present ones that are ours, what depends on others
// first.
func dropStatements(present []string) []string {
	var statements []string
	known := knownObjects()
	slices.Reverse(known)
	for _, o := range known {
		if !slices.Contains(present, o) {
			continue
		}
		kind, name, _ := strings.Cut(o, " ")
		switch {
		case kind == "index", kind == "sequence", strings.HasPrefix(o, "table constraint "): // go with their tables
		default:
			statements = append(statements, fmt.Sprintf("DROP %s %s", strings.ToUpper(kind), name))
		}
	}
	return statements
}
