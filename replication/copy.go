package replication

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// A copyDecoder takes the bytes of a binary COPY of a table's followed columns,
// cut anywhere, and gives rows in batches. It allocates for strings never seen
// before and no more than it has received for a row that is cut. It is for one
// goroutine.
type copyDecoder interface {
	// Write takes the next bytes.
	Write(p []byte) (int, error)
	// close hands out the last batch; an error when the data has no end.
	close() error
	// rows is how many rows have been decoded.
	rows() int64
}

// newCopyDecoder makes a decoder for a table that gives batches of at most size
// rows, reused, to add.
func newCopyDecoder(table tasker.Table, size int, strings *interner, add func(*tasker.Rows) error) copyDecoder {
	switch table {
	case tasker.TaskNamespaces:
		return copyFor(table, namespaceFields, size, strings, add, func(r *tasker.Rows) *[]tasker.TaskNamespace { return &r.TaskNamespaces })
	case tasker.NamedTasks:
		return copyFor(table, namedTaskFields, size, strings, add, func(r *tasker.Rows) *[]tasker.NamedTask { return &r.NamedTasks })
	case tasker.NamedSteps:
		return copyFor(table, namedStepFields, size, strings, add, func(r *tasker.Rows) *[]tasker.NamedStep { return &r.NamedSteps })
	case tasker.Tasks:
		return copyFor(table, taskFields, size, strings, add, func(r *tasker.Rows) *[]tasker.Task { return &r.Tasks })
	case tasker.WorkflowSteps:
		return copyFor(table, stepFields, size, strings, add, func(r *tasker.Rows) *[]tasker.WorkflowStep { return &r.WorkflowSteps })
	case tasker.WorkflowStepEdges:
		return copyFor(table, edgeFields, size, strings, add, func(r *tasker.Rows) *[]tasker.WorkflowStepEdge { return &r.WorkflowStepEdges })
	case tasker.TaskTransitions:
		return copyFor(table, taskTransitionFields, size, strings, add, func(r *tasker.Rows) *[]tasker.Transition { return &r.TaskTransitions })
	case tasker.WorkflowStepTransitions:
		return copyFor(table, stepTransitionFields, size, strings, add, func(r *tasker.Rows) *[]tasker.Transition { return &r.WorkflowStepTransitions })
	}
	panic("replication: no followed table has the number " + fmt.Sprint(uint8(table)))
}

// copySignature begins a binary COPY; flags and the length of an extension follow.
var copySignature = []byte("PGCOPY\n\xff\r\n\x00")

const (
	// copyHeader is the length of the header without its extension.
	copyHeader = 11 + 4 + 4
	// copyLongestRow bounds what a row of the followed columns may have: a
	// row beyond it is not one of the engine's.
	copyLongestRow = 64 << 20
)

// tableCopy decodes rows of type T.
type tableCopy[T any] struct {
	table  tasker.Table
	fields []copyField[T]
	size   int
	value  value // workspace
	add    func(*tasker.Rows) error

	batch   tasker.Rows
	into    *[]T
	carry   []byte // the beginning of a row that is cut
	started bool   // the header is behind us
	ended   bool   // the trailer is behind us
	count   int64
}

type copyField[T any] struct {
	field[T]
	kind kind
}

func copyFor[T any](table tasker.Table, fields []field[T], size int, strings *interner, add func(*tasker.Rows) error, slice func(*tasker.Rows) *[]T) copyDecoder {
	c := &tableCopy[T]{table: table, size: size, value: value{strings: strings}, add: add}
	for i, f := range fields {
		c.fields = append(c.fields, copyField[T]{f, kinds[table.Info().Followed[i].Type].kind})
	}
	c.batch.Table = table
	c.into = slice(&c.batch)
	*c.into = make([]T, 0, size)
	return c
}

func (c *tableCopy[T]) rows() int64 { return c.count }

func (c *tableCopy[T]) Write(p []byte) (int, error) {
	src := p
	if len(c.carry) > 0 {
		c.carry = append(c.carry, p...)
		src = c.carry
	}
	rest, err := c.decode(src)
	if err != nil {
		return 0, err
	}
	if len(rest) > copyLongestRow {
		return 0, c.malformed("a row is longer than %d bytes", copyLongestRow)
	}
	c.carry = append(c.carry[:0], rest...) // may move within itself, to the left
	return len(p), nil
}

func (c *tableCopy[T]) close() error {
	if !c.ended {
		return c.malformed("the data ends in the middle")
	}
	return c.flush()
}

func (c *tableCopy[T]) flush() error {
	if len(*c.into) == 0 {
		return nil
	}
	err := c.add(&c.batch)
	*c.into = (*c.into)[:0]
	return err
}

// decode takes as many whole rows as src has and gives back what is left.
func (c *tableCopy[T]) decode(src []byte) ([]byte, error) {
	if !c.started {
		if len(src) < copyHeader {
			if !bytes.HasPrefix(src, copySignature) && !bytes.HasPrefix(copySignature, src) {
				return nil, c.malformed("this is not a binary COPY")
			}
			return src, nil
		}
		if !bytes.HasPrefix(src, copySignature) {
			return nil, c.malformed("this is not a binary COPY")
		}
		if extension := binary.BigEndian.Uint32(src[copyHeader-4:]); extension != 0 {
			return nil, c.malformed("the header has an unknown extension")
		}
		if flags := binary.BigEndian.Uint32(src[len(copySignature):]); flags != 0 {
			return nil, c.malformed("the header has unknown flags %#x", flags)
		}
		c.started = true
		src = src[copyHeader:]
	}
	for len(src) >= 2 {
		if c.ended {
			return nil, c.malformed("%d bytes follow the end", len(src))
		}
		n := int(int16(binary.BigEndian.Uint16(src))) //nolint:gosec // two's complement
		if n == -1 {
			c.ended = true
			src = src[2:]
			continue
		}
		if n != len(c.fields) {
			return nil, c.malformed("a row has %d columns instead of %d", n, len(c.fields))
		}
		rest, whole, err := c.row(src[2:])
		if err != nil || !whole {
			return src, err
		}
		src = rest
	}
	if c.ended && len(src) > 0 {
		return nil, c.malformed("%d bytes follow the end", len(src))
	}
	return src, nil
}

// row decodes one row into the batch; whole is false when src has not all of it.
func (c *tableCopy[T]) row(src []byte) (rest []byte, whole bool, err error) {
	if len(*c.into) == c.size {
		if err := c.flush(); err != nil {
			return nil, false, err
		}
	}
	rows := *c.into
	rows = rows[:len(rows)+1]
	row := &rows[len(rows)-1]
	var zero T
	*row = zero
	v := &c.value
	for i := range c.fields {
		f := &c.fields[i]
		if len(src) < 4 {
			return nil, false, nil
		}
		n := int(int32(binary.BigEndian.Uint32(src))) //nolint:gosec // two's complement
		src = src[4:]
		if n < 0 {
			if n != -1 {
				return nil, false, c.malformed("column %s has the length %d", f.name, n)
			}
			if !f.nullable {
				return nil, false, check(c.table, i, f.kind, false, -1)
			}
			v.data, v.null = nil, true
		} else {
			if n > copyLongestRow {
				return nil, false, c.malformed("column %s claims %d bytes", f.name, n)
			}
			if size := f.kind.size(); size >= 0 && n != size {
				return nil, false, check(c.table, i, f.kind, f.nullable, n)
			}
			if len(src) < n {
				return nil, false, nil
			}
			v.data, v.null = src[:n], false
			src = src[n:]
		}
		f.set(row, v)
	}
	*c.into = rows
	c.count++
	return src, true, nil
}

func (c *tableCopy[T]) malformed(format string, args ...any) error {
	return fmt.Errorf("%w: COPY of table %s: %s", ErrMalformed, c.table, fmt.Sprintf(format, args...))
}
