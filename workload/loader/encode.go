package loader

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// encoded is a batch as COPY takes it.
type encoded struct {
	tables [len(copied)]table
	committed
}

// table is a stream in Postgres' binary COPY format. An encoder of our own,
// because one value at a time through a codec costs more than the database's
// own part of the work.
type table struct {
	buf  []byte
	rows int
}

func (t *table) reader() io.Reader { return bytes.NewReader(t.buf) }

func (e *encoded) encode(r *workload.Rows, count workload.Count) {
	for i := range e.tables {
		e.tables[i].begin()
	}
	tasks, steps, edges := &e.tables[0], &e.tables[1], &e.tables[2]
	for i := range r.Tasks {
		tasks.task(&r.Tasks[i])
	}
	for i := range r.WorkflowSteps {
		steps.step(&r.WorkflowSteps[i])
	}
	for i := range r.WorkflowStepEdges {
		edges.edge(&r.WorkflowStepEdges[i])
	}
	for i := range r.TaskTransitions {
		e.tables[3].transition(&r.TaskTransitions[i])
	}
	for i := range r.WorkflowStepTransitions {
		e.tables[4].transition(&r.WorkflowStepTransitions[i])
	}
	for i := range e.tables {
		e.tables[i].end()
	}
	e.committed = committed{Count: count}
	if n := len(r.Tasks); n > 0 {
		e.firstTask, e.lastTask = r.Tasks[0].TaskID, r.Tasks[n-1].TaskID
	}
}

func (t *table) task(r *tasker.Task) {
	t.row(13)
	t.int8(r.TaskID)
	t.int4(r.NamedTaskID)
	t.bool(r.Complete)
	t.timestamp(r.RequestedAt)
	t.nullText(r.Initiator)
	t.nullText(r.SourceSystem)
	t.nullText(r.Reason)
	t.json(r.BypassSteps)
	t.jsonb(r.Tags)
	t.jsonb(r.Context)
	t.text(r.IdentityHash)
	t.timestamp(r.CreatedAt)
	t.timestamp(r.UpdatedAt)
}

func (t *table) step(r *tasker.WorkflowStep) {
	t.row(16)
	t.int8(r.WorkflowStepID)
	t.int8(r.TaskID)
	t.int4(r.NamedStepID)
	t.bool(r.Retryable)
	t.nullInt4(r.RetryLimit)
	t.bool(r.InProcess)
	t.bool(r.Processed)
	t.timestamp(r.ProcessedAt)
	t.nullInt4(r.Attempts)
	t.timestamp(r.LastAttemptedAt)
	t.nullInt4(r.BackoffRequestSeconds)
	t.jsonb(r.Inputs)
	t.jsonb(r.Results)
	t.timestamp(r.CreatedAt)
	t.timestamp(r.UpdatedAt)
	t.bool(r.Skippable)
}

func (t *table) edge(r *tasker.WorkflowStepEdge) {
	t.row(6)
	t.int8(r.ID)
	t.int8(r.FromStepID)
	t.int8(r.ToStepID)
	t.text(r.Name)
	t.timestamp(r.CreatedAt)
	t.timestamp(r.UpdatedAt)
}

func (t *table) transition(r *tasker.Transition) {
	t.row(9)
	t.int8(r.ID)
	t.text(r.ToState)
	t.nullText(r.FromState)
	t.jsonb(r.Metadata)
	t.int4(r.SortKey)
	t.bool(r.MostRecent)
	t.int8(r.ParentID)
	t.timestamp(r.CreatedAt)
	t.timestamp(r.UpdatedAt)
}

// begin writes the format's header: signature, flags, no extension.
func (t *table) begin() {
	t.buf = append(t.buf[:0], "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	t.rows = 0
}

// end writes the trailer.
func (t *table) end() { t.buf = append(t.buf, 0xff, 0xff) }

func (t *table) row(fields uint16) {
	t.buf = binary.BigEndian.AppendUint16(t.buf, fields)
	t.rows++
}

func (t *table) size(n uint32) { t.buf = binary.BigEndian.AppendUint32(t.buf, n) }

func (t *table) null() { t.size(math.MaxUint32) }

func (t *table) int8(v int64) {
	t.size(8)
	t.buf = binary.BigEndian.AppendUint64(t.buf, uint64(v))
}

func (t *table) int4(v int32) {
	t.size(4)
	t.buf = binary.BigEndian.AppendUint32(t.buf, uint32(v))
}

func (t *table) nullInt4(v tasker.Null[int32]) {
	if v.Valid {
		t.int4(v.V)
	} else {
		t.null()
	}
}

func (t *table) bool(v bool) {
	t.size(1)
	if v {
		t.buf = append(t.buf, 1)
	} else {
		t.buf = append(t.buf, 0)
	}
}

func (t *table) timestamp(v tasker.Timestamp) {
	switch v {
	case tasker.NoTime:
		t.null()
	case tasker.Infinity:
		t.int8(math.MaxInt64)
	case tasker.NegativeInfinity:
		t.int8(math.MinInt64)
	default:
		t.int8(int64(v - tasker.PostgresEpoch))
	}
}

func (t *table) text(v string) {
	t.size(uint32(len(v)))
	t.buf = append(t.buf, v...)
}

func (t *table) nullText(v tasker.Null[string]) {
	if v.Valid {
		t.text(v.V)
	} else {
		t.null()
	}
}

func (t *table) json(v []byte) {
	if v == nil {
		t.null()
		return
	}
	t.text(string(v))
}

func (t *table) jsonb(v []byte) {
	if v == nil {
		t.null()
		return
	}
	t.size(uint32(len(v) + 1))
	t.buf = append(append(t.buf, 1), v...)
}
