package replication

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// mostColumns is more than a table can have.
const mostColumns = 1664

// relation is what a Relation message says. It is decoded here and not by
// pglogrepl, whose decoder panics when the message is too short.
type relation struct {
	oid      uint32
	schema   string
	name     string
	identity byte // relreplident
	columns  []relationColumn
}

type relationColumn struct {
	name     string
	typeOID  uint32
	modifier int32
}

// find gives the position of a column, or -1.
func (r *relation) find(name string) int {
	return slices.IndexFunc(r.columns, func(c relationColumn) bool { return c.name == name })
}

// parseRelation reads the body of a Relation message.
func parseRelation(body []byte) (*relation, error) {
	r := reader{rest: body}
	rel := &relation{oid: r.uint32(), schema: r.string(), name: r.string(), identity: r.byte()}
	if rel.schema == "" {
		rel.schema = "pg_catalog" // sent as an empty string
	}
	n := int(r.uint16())
	if n > mostColumns {
		return nil, fmt.Errorf("%w: a relation with %d columns", ErrMalformed, n)
	}
	for range n {
		r.byte() // whether it is part of the replica identity; the table's layout tells
		rel.columns = append(rel.columns, relationColumn{
			name: r.string(), typeOID: r.uint32(), modifier: int32(r.uint32()), //nolint:gosec // two's complement
		})
		if r.short {
			break
		}
	}
	if r.short {
		return nil, truncated("Relation")
	}
	return rel, nil
}

// relation takes a Relation message: the table's shape may have changed.
func (d *decoder) relation(body []byte) error {
	r, err := parseRelation(body)
	if err != nil {
		return err
	}
	table, loaded := d.tables[r.oid]
	named, ours := d.names[quote(r.schema, r.name)]
	switch {
	case loaded && (!ours || named != table):
		return &RelationError{Table: table, What: "is now called " + r.schema + "." + r.name}
	case !loaded && ours:
		return &RelationError{Table: named, What: "was created again"}
	case !loaded:
		d.plans[r.oid] = nil
		d.lastPlan = nil
		return nil
	}
	p, err := newPlan(table, r)
	if err != nil {
		return err
	}
	d.plans[r.oid] = p
	d.lastPlan = nil
	return d.to.relationChanged(table, r)
}

// reader reads from bytes and remembers when there were too few.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if len(r.rest) < n {
		r.short, r.rest = true, nil
		return make([]byte, n)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte     { return r.take(1)[0] }
func (r *reader) uint16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *reader) uint32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }

// string reads up to a zero byte.
func (r *reader) string() string {
	end := bytes.IndexByte(r.rest, 0)
	if end < 0 {
		r.short, r.rest = true, nil
		return ""
	}
	s := string(r.rest[:end])
	r.rest = r.rest[end+1:]
	return s
}
