package replication

import (
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// kind is how a column's value is encoded in Postgres' binary form.
type kind uint8

const (
	kindInt4 kind = iota
	kindInt8
	kindBool
	kindText
	kindTimestamp
)

// kinds has the types that followed columns can have, by the name that
// [tasker.Column] uses.
var kinds = map[string]struct {
	kind kind
	oid  uint32
}{
	"integer":                     {kindInt4, pgtype.Int4OID},
	"bigint":                      {kindInt8, pgtype.Int8OID},
	"boolean":                     {kindBool, pgtype.BoolOID},
	"character varying":           {kindText, pgtype.VarcharOID},
	"timestamp without time zone": {kindTimestamp, pgtype.TimestampOID},
}

// size is the length that a value must have, or -1 for any.
func (k kind) size() int {
	switch k {
	case kindInt4:
		return 4
	case kindBool:
		return 1
	case kindText:
		return -1
	}
	return 8
}

// value is a column's value on its way into a row: bytes of checked length.
// It is NULL when null is set, and then has no bytes.
type value struct {
	data    []byte
	null    bool
	strings *interner
}

func (v *value) int4() int32 { return int32(binary.BigEndian.Uint32(v.data)) } //nolint:gosec // the wire's two's complement
func (v *value) int8() int64 { return int64(binary.BigEndian.Uint64(v.data)) } //nolint:gosec // the same
func (v *value) bool() bool  { return v.data[0] != 0 }
func (v *value) text() string {
	return v.strings.intern(v.data)
}

func (v *value) time() tasker.Timestamp {
	if v.null {
		return tasker.NoTime
	}
	return tasker.TimestampFromPostgres(v.int8())
}

func (v *value) nullInt4() tasker.Null[int32] {
	if v.null {
		return tasker.Null[int32]{}
	}
	return tasker.Some(v.int4())
}

func (v *value) nullText() tasker.Null[string] {
	if v.null {
		return tasker.Null[string]{}
	}
	return tasker.Some(v.text())
}

// field stores a value in the row that it belongs to; nullable says whether
// the value may be NULL.
type field[T any] struct {
	name     string
	nullable bool
	set      func(row *T, v *value)
}

// The followed columns of each table, in the order of [tasker.TableInfo.Followed].
var (
	namespaceFields = []field[tasker.TaskNamespace]{
		{"task_namespace_id", false, func(r *tasker.TaskNamespace, v *value) { r.TaskNamespaceID = v.int4() }},
		{"name", false, func(r *tasker.TaskNamespace, v *value) { r.Name = v.text() }},
	}
	namedTaskFields = []field[tasker.NamedTask]{
		{"named_task_id", false, func(r *tasker.NamedTask, v *value) { r.NamedTaskID = v.int4() }},
		{"name", false, func(r *tasker.NamedTask, v *value) { r.Name = v.text() }},
		{"task_namespace_id", false, func(r *tasker.NamedTask, v *value) { r.TaskNamespaceID = v.int8() }},
		{"version", false, func(r *tasker.NamedTask, v *value) { r.Version = v.text() }},
	}
	namedStepFields = []field[tasker.NamedStep]{
		{"named_step_id", false, func(r *tasker.NamedStep, v *value) { r.NamedStepID = v.int4() }},
		{"name", false, func(r *tasker.NamedStep, v *value) { r.Name = v.text() }},
	}
	taskFields = []field[tasker.Task]{
		{"task_id", false, func(r *tasker.Task, v *value) { r.TaskID = v.int8() }},
		{"named_task_id", false, func(r *tasker.Task, v *value) { r.NamedTaskID = v.int4() }},
		{"complete", false, func(r *tasker.Task, v *value) { r.Complete = v.bool() }},
		{"initiator", true, func(r *tasker.Task, v *value) { r.Initiator = v.nullText() }},
		{"source_system", true, func(r *tasker.Task, v *value) { r.SourceSystem = v.nullText() }},
		{"created_at", false, func(r *tasker.Task, v *value) { r.CreatedAt = v.time() }},
	}
	stepFields = []field[tasker.WorkflowStep]{
		{"workflow_step_id", false, func(r *tasker.WorkflowStep, v *value) { r.WorkflowStepID = v.int8() }},
		{"task_id", false, func(r *tasker.WorkflowStep, v *value) { r.TaskID = v.int8() }},
		{"named_step_id", false, func(r *tasker.WorkflowStep, v *value) { r.NamedStepID = v.int4() }},
		{"retryable", false, func(r *tasker.WorkflowStep, v *value) { r.Retryable = v.bool() }},
		{"retry_limit", true, func(r *tasker.WorkflowStep, v *value) { r.RetryLimit = v.nullInt4() }},
		{"in_process", false, func(r *tasker.WorkflowStep, v *value) { r.InProcess = v.bool() }},
		{"processed", false, func(r *tasker.WorkflowStep, v *value) { r.Processed = v.bool() }},
		{"processed_at", true, func(r *tasker.WorkflowStep, v *value) { r.ProcessedAt = v.time() }},
		{"attempts", true, func(r *tasker.WorkflowStep, v *value) { r.Attempts = v.nullInt4() }},
		{"last_attempted_at", true, func(r *tasker.WorkflowStep, v *value) { r.LastAttemptedAt = v.time() }},
		{"backoff_request_seconds", true, func(r *tasker.WorkflowStep, v *value) { r.BackoffRequestSeconds = v.nullInt4() }},
		{"created_at", false, func(r *tasker.WorkflowStep, v *value) { r.CreatedAt = v.time() }},
	}
	edgeFields = []field[tasker.WorkflowStepEdge]{
		{"id", false, func(r *tasker.WorkflowStepEdge, v *value) { r.ID = v.int8() }},
		{"from_step_id", false, func(r *tasker.WorkflowStepEdge, v *value) { r.FromStepID = v.int8() }},
		{"to_step_id", false, func(r *tasker.WorkflowStepEdge, v *value) { r.ToStepID = v.int8() }},
	}
	taskTransitionFields = transitionFields("task_id")
	stepTransitionFields = transitionFields("workflow_step_id")
)

func transitionFields(parent string) []field[tasker.Transition] {
	return []field[tasker.Transition]{
		{"id", false, func(r *tasker.Transition, v *value) { r.ID = v.int8() }},
		{"to_state", false, func(r *tasker.Transition, v *value) { r.ToState = v.text() }},
		{"most_recent", false, func(r *tasker.Transition, v *value) { r.MostRecent = v.bool() }},
		{parent, false, func(r *tasker.Transition, v *value) { r.ParentID = v.int8() }},
		{"created_at", false, func(r *tasker.Transition, v *value) { r.CreatedAt = v.time() }},
	}
}

// check tells whether bytes of n (-1 for NULL) can be the value of the column.
func check(table tasker.Table, column int, k kind, nullable bool, n int) error {
	switch {
	case n < 0 && nullable:
		return nil
	case n < 0:
		return &ValueError{Table: table, Column: table.Info().Followed[column].Name,
			What: "NULL, which the engine's schema does not allow"}
	case k.size() >= 0 && n != k.size():
		return &ValueError{Table: table, Column: table.Info().Followed[column].Name,
			What: fmt.Sprintf("%d bytes; its type has %d", n, k.size())}
	}
	return nil
}
