package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/config"
)

// lockKey is the advisory lock under which the configuration is changed; the
// trigger of the table takes the same.
const lockKey int64 = 8386110886241239043

// Beginner begins transactions: a connection or a pool.
type Beginner interface {
	BeginTx(ctx context.Context, o pgx.TxOptions) (pgx.Tx, error)
}

// Edit is a change that is wanted.
type Edit struct {
	Key   string          `json:"key"`
	Scope string          `json:"scope,omitempty"`
	Value json.RawMessage `json:"value"` // null: take it back, so that other sources say it
}

// NewEdit is an edit of a key as package config has it, such as
// maintenance.quiet_period@payments/refund. A selector that is none stays as it is.
func NewEdit(key string, value json.RawMessage) Edit {
	option, s, err := config.SplitKey(key)
	switch {
	case err != nil:
		option, scope, _ := strings.Cut(key, "@")
		return Edit{option, scope, value}
	case s == (config.Selector{}):
		return Edit{Key: option, Value: value}
	}
	return Edit{option, s.String(), value}
}

// Name is the key with whom it is for, as package config has it.
func (e *Edit) Name() string { return name(e.Key, e.Scope) }

// removes says whether it takes a value back.
func (e *Edit) removes() bool { return e.Value == nil || string(e.Value) == "null" }

// Who says who makes changes, and why.
type Who struct {
	AskedBy string // the name of a token, the user of a machine
	Reason  string
}

// Write makes changes, all or none. What is in force then is given to check
// under the lock, before anything is written, and its error is returned as it
// is. Edits that change nothing are left out; so the changes that are returned
// may be fewer, or none.
func Write(ctx context.Context, conn Beginner, who Who, edits []Edit, check func(after []Setting) error) ([]Change, error) {
	return change(ctx, conn, who, check, func(context.Context, pgx.Tx, []Setting) ([]Edit, error) { return edits, nil })
}

// change makes the changes that wanted gives, having seen what is in force.
func change(ctx context.Context, conn Beginner, who Who, check func([]Setting) error, wanted func(context.Context, pgx.Tx, []Setting) ([]Edit, error)) ([]Change, error) {
	const doing = "changing the configuration in the database"
	var made []Change
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	if err != nil {
		return nil, explain(doing, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, "SELECT pg_catalog.pg_advisory_xact_lock($1)", lockKey); err != nil {
		return nil, explain(doing, err)
	}
	before, err := Read(ctx, tx)
	if err != nil {
		return nil, err
	}
	edits, err := wanted(ctx, tx, before)
	if err != nil {
		return nil, err
	}
	if edits, err = effective(before, edits); err != nil {
		return nil, err
	}
	if err := check(After(before, edits)); err != nil {
		return nil, err
	}
	if len(edits) > 0 {
		if made, err = insert(ctx, tx, who, edits); err != nil {
			return nil, explain(doing, err)
		}
	}
	return made, explain(doing, tx.Commit(ctx))
}

const insertSQL = `
INSERT INTO tasker_sidecar.configuration_changes (key, scope, value, reason, asked_by)
SELECT e.key, e.scope, e.value::pg_catalog.jsonb, $4, $5
FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]), pg_catalog.unnest($3::pg_catalog.text[]))
	WITH ORDINALITY AS e (key, scope, value, i)
ORDER BY e.i
RETURNING change, key, scope, coalesce(old_value, 'null'), coalesce(value, 'null'), reason, asked_by, changed_at, changed_by`

func insert(ctx context.Context, tx pgx.Tx, who Who, edits []Edit) ([]Change, error) {
	keys, scopes, values := make([]string, len(edits)), make([]string, len(edits)), make([]*string, len(edits))
	for i := range edits {
		keys[i], scopes[i] = edits[i].Key, edits[i].Scope
		if !edits[i].removes() {
			text := string(edits[i].Value)
			values[i] = &text
		}
	}
	rows, err := tx.Query(ctx, insertSQL, keys, scopes, values, who.Reason, who.AskedBy)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Change])
}

// effective leaves out edits that change nothing.
func effective(before []Setting, edits []Edit) ([]Edit, error) {
	now, seen := map[[2]string]json.RawMessage{}, map[[2]string]bool{}
	for _, s := range before {
		now[[2]string{s.Key, s.Scope}] = s.Value
	}
	var kept []Edit
	for _, e := range edits {
		at := [2]string{e.Key, e.Scope}
		if seen[at] {
			return nil, fmt.Errorf("%s is to be changed twice at once", e.Key)
		}
		seen[at] = true
		old, set := now[at]
		if e.removes() && !set || !e.removes() && set && same(old, e.Value) {
			continue
		}
		kept = append(kept, e)
	}
	return kept, nil
}

// same says whether two values are the same JSON.
func same(a, b json.RawMessage) bool {
	va, errA := Decode(a)
	vb, errB := Decode(b)
	return errA == nil && errB == nil && va.IsList == vb.IsList && va.String() == vb.String() && len(va.List) == len(vb.List)
}

// After is what is in force once edits are made; those of them have no number
// yet.
func After(before []Setting, edits []Edit) []Setting {
	edited := map[[2]string]bool{}
	for _, e := range edits {
		edited[[2]string{e.Key, e.Scope}] = true
	}
	var after []Setting
	for _, s := range before {
		if !edited[[2]string{s.Key, s.Scope}] {
			after = append(after, s)
		}
	}
	for _, e := range edits {
		if !e.removes() {
			after = append(after, Setting{Key: e.Key, Scope: e.Scope, Value: e.Value})
		}
	}
	return after
}
