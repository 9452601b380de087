package replication

import (
	"encoding/binary"
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// A plan says what becomes of each column of a relation as the log sends it:
// it is made once for each Relation message, so that a change costs no lookup.
type plan interface {
	// decode reads a tuple into the change's row, leaving alone what the
	// tuple does not have, and returns what follows it and which followed
	// columns the tuple said to be unchanged. v is its workspace.
	decode(src []byte, c *tasker.Change, v *value) (rest []byte, unchanged uint32, err error)
	// decodeKey reads only the primary key from a tuple.
	decodeKey(src []byte) (rest []byte, key int64, err error)
	// reset zeroes the change's row.
	reset(c *tasker.Change)
	// key is the primary key of the change's row.
	key(c *tasker.Change) int64
	// table is the table that the plan is for.
	table() tasker.Table
}

// tablePlan is the plan for a table with rows of type T.
type tablePlan[T any] struct {
	of      tasker.Table
	columns []planColumn[T] // as sent
	keyAt   int             // which of them is the primary key
	keyKind kind
	row     func(c *tasker.Change) *T
	keyOf   func(row *T) int64
}

type planColumn[T any] struct {
	set      func(row *T, v *value) // nil: not followed
	followed int
	kind     kind
	nullable bool
}

// newPlan makes the plan for the relation, or says which column prevents it.
func newPlan(table tasker.Table, r *relation) (plan, error) {
	switch table {
	case tasker.TaskNamespaces:
		return planFor(table, r, namespaceFields,
			func(c *tasker.Change) *tasker.TaskNamespace { return &c.TaskNamespace },
			func(r *tasker.TaskNamespace) int64 { return int64(r.TaskNamespaceID) })
	case tasker.NamedTasks:
		return planFor(table, r, namedTaskFields,
			func(c *tasker.Change) *tasker.NamedTask { return &c.NamedTask },
			func(r *tasker.NamedTask) int64 { return int64(r.NamedTaskID) })
	case tasker.NamedSteps:
		return planFor(table, r, namedStepFields,
			func(c *tasker.Change) *tasker.NamedStep { return &c.NamedStep },
			func(r *tasker.NamedStep) int64 { return int64(r.NamedStepID) })
	case tasker.Tasks:
		return planFor(table, r, taskFields,
			func(c *tasker.Change) *tasker.Task { return &c.Task },
			func(r *tasker.Task) int64 { return r.TaskID })
	case tasker.WorkflowSteps:
		return planFor(table, r, stepFields,
			func(c *tasker.Change) *tasker.WorkflowStep { return &c.WorkflowStep },
			func(r *tasker.WorkflowStep) int64 { return r.WorkflowStepID })
	case tasker.WorkflowStepEdges:
		return planFor(table, r, edgeFields,
			func(c *tasker.Change) *tasker.WorkflowStepEdge { return &c.WorkflowStepEdge },
			func(r *tasker.WorkflowStepEdge) int64 { return r.ID })
	case tasker.TaskTransitions:
		return planFor(table, r, taskTransitionFields,
			func(c *tasker.Change) *tasker.Transition { return &c.TaskTransition },
			func(r *tasker.Transition) int64 { return r.ID })
	case tasker.WorkflowStepTransitions:
		return planFor(table, r, stepTransitionFields,
			func(c *tasker.Change) *tasker.Transition { return &c.WorkflowStepTransition },
			func(r *tasker.Transition) int64 { return r.ID })
	}
	panic("replication: no followed table has the number " + fmt.Sprint(table))
}

func planFor[T any](table tasker.Table, r *relation, fields []field[T], row func(*tasker.Change) *T, keyOf func(*T) int64) (plan, error) {
	info := table.Info()
	p := &tablePlan[T]{of: table, columns: make([]planColumn[T], len(r.columns)), keyAt: -1, row: row, keyOf: keyOf}
	for i, want := range info.Followed {
		at := r.find(want.Name)
		if at < 0 {
			return nil, &RelationError{Table: table, Column: want.Name, What: "is missing in the log"}
		}
		k := kinds[want.Type]
		if got := r.columns[at].typeOID; got != k.oid {
			return nil, &RelationError{Table: table, Column: want.Name,
				What: fmt.Sprintf("has another type (oid %d) than %s", got, want.Type)}
		}
		p.columns[at] = planColumn[T]{set: fields[i].set, followed: i, kind: k.kind, nullable: fields[i].nullable}
		if want.Name == info.Key {
			p.keyAt, p.keyKind = at, k.kind
		}
	}
	return p, nil
}

func (p *tablePlan[T]) table() tasker.Table { return p.of }

func (p *tablePlan[T]) reset(c *tasker.Change) {
	var zero T
	*p.row(c) = zero
}

func (p *tablePlan[T]) key(c *tasker.Change) int64 { return p.keyOf(p.row(c)) }

// Kinds of a column in a tuple.
const (
	tupleNull      = 'n'
	tupleUnchanged = 'u'
	tupleText      = 't'
	tupleBinary    = 'b'
)

func (p *tablePlan[T]) decode(src []byte, c *tasker.Change, v *value) ([]byte, uint32, error) {
	src, err := p.header(src)
	if err != nil {
		return nil, 0, err
	}
	row := p.row(c)
	var unchanged uint32
	for i := range p.columns {
		col := &p.columns[i]
		if len(src) == 0 {
			return nil, 0, p.malformed("a tuple ends after %d of %d columns", i, len(p.columns))
		}
		switch src[0] {
		case tupleBinary:
			if len(src) < 5 {
				return nil, 0, p.malformed("a tuple ends in column %d", i)
			}
			n := uint64(binary.BigEndian.Uint32(src[1:]))
			if n > uint64(len(src)-5) {
				return nil, 0, p.malformed("column %d claims %d bytes; %d are left", i, n, len(src)-5)
			}
			if col.set != nil {
				v.data, v.null = src[5:5+n], false
				if want := col.kind.size(); want >= 0 && int(n) != want {
					return nil, 0, check(p.of, col.followed, col.kind, col.nullable, int(n))
				}
				col.set(row, v)
			}
			src = src[5+n:]
		case tupleNull:
			if col.set != nil {
				if !col.nullable {
					return nil, 0, check(p.of, col.followed, col.kind, false, -1)
				}
				v.data, v.null = nil, true
				col.set(row, v)
			}
			src = src[1:]
		case tupleUnchanged:
			if col.set != nil {
				unchanged |= 1 << col.followed
			}
			src = src[1:]
		case tupleText:
			// Columns of types without a binary form come as text; none
			// that we follow has such a type.
			if col.set != nil {
				return nil, 0, p.malformed("column %d came as text", i)
			}
			if src, err = p.skip(src, i); err != nil {
				return nil, 0, err
			}
		default:
			return nil, 0, p.malformed("column %d is of kind %q", i, src[0])
		}
	}
	return src, unchanged, nil
}

func (p *tablePlan[T]) decodeKey(src []byte) ([]byte, int64, error) {
	src, err := p.header(src)
	if err != nil {
		return nil, 0, err
	}
	var key int64
	found := false
	for i := range p.columns {
		if len(src) == 0 {
			return nil, 0, p.malformed("a tuple ends after %d of %d columns", i, len(p.columns))
		}
		switch src[0] {
		case tupleNull, tupleUnchanged:
			src = src[1:]
		case tupleBinary, tupleText:
			before := src
			if src, err = p.skip(src, i); err != nil {
				return nil, 0, err
			}
			if i != p.keyAt || before[0] != tupleBinary {
				continue
			}
			v := value{data: before[5 : len(before)-len(src)]}
			if len(v.data) != p.keyKind.size() {
				return nil, 0, check(p.of, 0, p.keyKind, false, len(v.data))
			}
			if found = true; p.keyKind == kindInt4 {
				key = int64(v.int4())
			} else {
				key = v.int8()
			}
		default:
			return nil, 0, p.malformed("column %d is of kind %q", i, src[0])
		}
	}
	if !found {
		return nil, 0, &RelationError{Table: p.of, Column: p.of.Info().Key, What: "is not part of what the log carries of a changed row"}
	}
	return src, key, nil
}

// header checks the number of columns.
func (p *tablePlan[T]) header(src []byte) ([]byte, error) {
	if len(src) < 2 {
		return nil, p.malformed("a tuple is missing")
	}
	if n := int(binary.BigEndian.Uint16(src)); n != len(p.columns) {
		return nil, p.malformed("a tuple has %d columns; its relation has %d", n, len(p.columns))
	}
	return src[2:], nil
}

// skip passes over a value with a length.
func (p *tablePlan[T]) skip(src []byte, column int) ([]byte, error) {
	if len(src) < 5 {
		return nil, p.malformed("a tuple ends in column %d", column)
	}
	n := uint64(binary.BigEndian.Uint32(src[1:]))
	if n > uint64(len(src)-5) {
		return nil, p.malformed("column %d claims %d bytes; %d are left", column, n, len(src)-5)
	}
	return src[5+n:], nil
}

func (p *tablePlan[T]) malformed(format string, args ...any) error {
	return fmt.Errorf("%w: table %s: %s", ErrMalformed, p.of, fmt.Sprintf(format, args...))
}
