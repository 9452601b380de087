package replication

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// findSteps gives ids of steps of a kind; none when the search took too long.
func findSteps(ctx context.Context, tx pgx.Tx, kind rulesKind, limit int) ([]int64, error) {
	var ids []int64
	err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		rows, err := savepoint.Query(ctx, kind.sql, limit)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	if timedOut(ctx, err) {
		return nil, nil
	}
	return ids, err
}

// timedOut is whether the server ended a statement that took too long.
func timedOut(ctx context.Context, err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == pgerrcode.QueryCanceled && ctx.Err() == nil
}

// askRules asks the function about the steps.
func askRules(ctx context.Context, tx pgx.Tx, steps []int64) (answers []rulesAnswer, err error) {
	err = pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		rows, err := savepoint.Query(ctx, rulesSQL, steps)
		if err != nil {
			return err
		}
		answers, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a rulesAnswer, err error) {
			var answered, v01, v02 string
			if err := row.Scan(&a.step, &a.task, &answered, &v01, &v02); err != nil {
				return a, err
			}
			return a, errors.Join(decode(answered, &a.answered), decode(v01, &a.v01), decode(v02, &a.v02))
		})
		return err
	})
	return answers, err
}

// decode keeps numbers as they are written: ids do not fit a float.
func decode(text string, into *map[string]any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

// functionFails is the error of a function that cannot be asked.
func functionFails(function string, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code == pgerrcode.AdminShutdown || pg.Code == pgerrcode.CrashShutdown {
		return err
	}
	e := &SetupError{Check: CheckRules, Permanent: true, Err: err,
		What: fmt.Sprintf("%s fails: %s", function, pg.Message), Remedy: rulesRemedy}
	switch pg.Code {
	case pgerrcode.InsufficientPrivilege, pgerrcode.UndefinedFunction: // one that is there is hidden by its schema
		e.Remedy = "run the script that tasker-sidecar doctor --sql prints, as the owner of the tables; or say with --rules which rules to follow"
	case pgerrcode.QueryCanceled:
		e.Permanent = false
		e.What = function + " did not answer in time"
		e.Remedy = "try again when the database is less busy, or say with --rules which rules to follow"
	}
	return e
}

const findRulesFunctionSQL = `
SELECT n.nspname, f.oid::regprocedure::text
FROM pg_proc f
JOIN pg_namespace n ON n.oid = f.pronamespace
WHERE f.proname = $1
    AND f.proargtypes[0] = 'bigint'::regtype AND f.proargtypes[1] = 'bigint[]'::regtype AND f.pronargs = 2
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tasker_sidecar', 'tasker_sidecar_compat') AND n.nspname NOT LIKE 'pg\_temp\_%'
ORDER BY n.nspname = $2 DESC, n.nspname`

// findRulesFunction finds the function to ask, the tables' schema's first, and
// the search_path to ask it in.
func findRulesFunction(ctx context.Context, tx pgx.Tx, schema string) (path, function string, err error) {
	rows, err := tx.Query(ctx, findRulesFunctionSQL, rulesFunction, schema)
	if err != nil {
		return "", "", err
	}
	type candidate struct{ schema, function string }
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Schema, Function string }])
	if err != nil {
		return "", "", err
	}
	var candidates []candidate
	for _, f := range found {
		name := f.Function
		if !strings.Contains(name, ".") {
			name = f.Schema + "." + name
		}
		candidates = append(candidates, candidate{f.Schema, name})
	}
	switch {
	case len(candidates) == 0:
		return "", "", &SetupError{Check: CheckRules, Permanent: true,
			What:   fmt.Sprintf("there is no function %s(bigint, bigint[]) in database %s", rulesFunction, tx.Conn().Config().Database),
			Remedy: "run the engine's migrations, or say with --rules which rules to follow"}
	case candidates[0].schema == schema:
		return quote(schema), candidates[0].function, nil
	case len(candidates) > 1:
		var names []string
		for _, c := range candidates {
			names = append(names, c.schema)
		}
		return "", "", &SetupError{Check: CheckRules, Permanent: true,
			What:   fmt.Sprintf("%s is not in schema %s, but in several others: %s", rulesFunction, schema, strings.Join(names, ", ")),
			Remedy: "say with --rules which rules to follow"}
	}
	return quote(schema) + ", " + quote(candidates[0].schema), candidates[0].function, nil
}
