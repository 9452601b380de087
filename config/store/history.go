package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Change is one that was made.
type Change struct {
	Change    int64           `json:"change"` // its number, ascending in the order in which they were made
	Key       string          `json:"key"`
	Scope     string          `json:"scope,omitempty"`
	Old       json.RawMessage `json:"old"` // null: nothing was stored
	New       json.RawMessage `json:"new"` // null: it was taken back
	Reason    string          `json:"reason"`
	AskedBy   string          `json:"asked_by"`
	ChangedAt time.Time       `json:"changed_at"` // the same for those that were made together
	ChangedBy string          `json:"changed_by"` // the role
}

// Name is the key with whom it is for, as package config has it.
func (c *Change) Name() string { return name(c.Key, c.Scope) }

const historySQL = `
SELECT change, key, scope, coalesce(old_value, 'null'), coalesce(value, 'null'), reason, asked_by, changed_at, changed_by
FROM tasker_sidecar.configuration_changes
WHERE $1 = '' OR key = $1
ORDER BY change DESC
LIMIT $2`

// History gives the changes of a key, or of all when it is empty, the newest
// first, no more than most.
func History(ctx context.Context, conn Querier, key string, most int) ([]Change, error) {
	const doing = "reading the history of the configuration"
	rows, err := conn.Query(ctx, historySQL, key, most)
	if err != nil {
		return nil, explain(doing, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Change])
	return all, explain(doing, err)
}

// ErrNothing is returned, wrapped, where there is nothing to go back to.
var ErrNothing = errors.New("there is nothing to go back to")

// Moment is what is gone back to: what was in force right after a change, or at
// a time; the zero value is before the changes that were made last.
type Moment struct {
	Change int64     // 0: not by number
	Time   time.Time // zero: not by time
}

// stateSQL is what was in force right after a change, with what has been changed
// since and was not stored then.
const stateSQL = `
WITH later AS (
	SELECT DISTINCT key, scope FROM tasker_sidecar.configuration_changes WHERE change > $1
)
SELECT l.key, l.scope, coalesce((
	SELECT c.value
	FROM tasker_sidecar.configuration_changes c
	WHERE c.key = l.key AND c.scope = l.scope AND c.change <= $1
	ORDER BY c.change DESC
	LIMIT 1
), 'null')
FROM later l
ORDER BY 1, 2`

// Back is what has to be changed to bring back what was in force at a moment.
// What is the same already is not in it.
func Back(ctx context.Context, conn Querier, to Moment) ([]Edit, error) {
	after, err := changeBefore(ctx, conn, to)
	if err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, stateSQL, after)
	if err != nil {
		return nil, explain("reading the history of the configuration", err)
	}
	edits, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Edit])
	if err != nil {
		return nil, explain("reading the history of the configuration", err)
	}
	before, err := Read(ctx, conn)
	if err != nil {
		return nil, err
	}
	return effective(before, edits)
}

const (
	lastSQL   = `SELECT max(change), coalesce(max(change) FILTER (WHERE changed_at < (SELECT max(changed_at) FROM tasker_sidecar.configuration_changes)), 0) FROM tasker_sidecar.configuration_changes`
	atTimeSQL = `SELECT min(change), coalesce(max(change) FILTER (WHERE changed_at <= $1), 0) FROM tasker_sidecar.configuration_changes`
	numberSQL = `SELECT max(change) FILTER (WHERE change = $1), $1 FROM tasker_sidecar.configuration_changes`
)

// changeBefore is the number of the last change before a moment, 0 when it was
// before the first.
func changeBefore(ctx context.Context, conn Querier, to Moment) (int64, error) {
	query, args, missing := lastSQL, []any{}, "no change was ever made"
	switch {
	case to.Change != 0:
		query, args, missing = numberSQL, []any{to.Change}, fmt.Sprintf("there is no change %d", to.Change)
	case !to.Time.IsZero():
		query, args = atTimeSQL, []any{to.Time}
	}
	rows, err := conn.Query(ctx, query, args...)
	if err != nil {
		return 0, explain("reading the history of the configuration", err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[struct {
		Some  *int64
		After int64
	}])
	switch {
	case err != nil:
		return 0, explain("reading the history of the configuration", err)
	case found.Some == nil:
		return 0, fmt.Errorf("%w: %s", ErrNothing, missing)
	}
	return found.After, nil
}

// Rollback brings back what was in force at a moment, by new changes. It is
// checked as [Write] checks.
func Rollback(ctx context.Context, conn Beginner, who Who, to Moment, check func(after []Setting) error) ([]Change, error) {
	return change(ctx, conn, who, check, func(ctx context.Context, tx pgx.Tx, _ []Setting) ([]Edit, error) { return Back(ctx, tx, to) })
}
