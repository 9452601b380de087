package schema

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

const engineSQL = `
SELECT n.nspname::text, count(*)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = ANY ($1) AND c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\_temp\_%'
GROUP BY n.nspname
ORDER BY count(*) DESC, n.nspname`

// Engine gives the schema of the engine's tables: the wanted one, if it has
// them, or, when that is empty, the only one that has them all. With several the
// error names them.
func Engine(ctx context.Context, conn Querier, wanted string) (string, error) {
	names := make([]string, tasker.FollowedTables)
	for i := range names {
		names[i] = tasker.Schema[i].Name
	}
	rows, err := conn.Query(ctx, engineSQL, names)
	if err != nil {
		return "", fmt.Errorf("look for the engine's tables: %w", err)
	}
	var complete []string
	var name string
	var count int
	_, err = pgx.ForEachRow(rows, []any{&name, &count}, func() error {
		if count == len(names) {
			complete = append(complete, name)
		}
		return nil
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("look for the engine's tables: %w", err)
	case wanted != "":
		for _, c := range complete {
			if c == wanted {
				return wanted, nil
			}
		}
		return "", fmt.Errorf("schema %s has not all of the engine's tables: name the right one with --schema, or run the engine's migrations first", quote(wanted))
	case len(complete) == 0:
		return "", fmt.Errorf("no schema of this database has the engine's tables (%s, ...): name the right database, or run the engine's migrations first", names[0])
	case len(complete) > 1:
		return "", fmt.Errorf("the engine's tables are in several schemas: %s: say with --schema which are meant", strings.Join(complete, ", "))
	}
	return complete[0], nil
}
