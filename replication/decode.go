package replication

import (
	"encoding/binary"
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Kinds of messages of pgoutput, protocol version 1.
const (
	msgBegin    = 'B'
	msgCommit   = 'C'
	msgOrigin   = 'O'
	msgRelation = 'R'
	msgType     = 'Y'
	msgInsert   = 'I'
	msgUpdate   = 'U'
	msgDelete   = 'D'
	msgTruncate = 'T'
	msgLogical  = 'M'
)

// begin is what a Begin message says.
type begin struct {
	commitLSN  tasker.LSN
	commitTime tasker.Timestamp
	xid        uint32
}

// handler takes what a decoder finds.
type handler interface {
	begin(b begin) error
	change(c *tasker.Change) error
	commit(end tasker.LSN) error
	// relationChanged is called when a Relation message announces a followed
	// table, the first time and whenever its shape may have changed.
	relationChanged(t tasker.Table, r *relation) error
}

// decoder turns the messages of pgoutput, protocol version 1, in binary form
// into changes. It keeps one Change and hands it out again and again; apart
// from strings never seen before, a change costs no allocation. It is for one
// goroutine.
type decoder struct {
	tables map[uint32]tasker.Table // by oid, as they were loaded
	names  map[string]tasker.Table // by quoted name with schema
	plans  map[uint32]plan         // by oid; nil for what is not followed
	to     handler
	value  value // workspace; in here it need not be allocated for each change

	// The relation of the last change: changes come in runs of one table.
	lastOID  uint32
	lastPlan plan

	row  tasker.Change
	inTx bool
}

// newDecoder makes a decoder for the tables with these oids.
func newDecoder(schema string, oids [tasker.FollowedTables + 1]uint32, to handler) *decoder {
	d := &decoder{
		tables: map[uint32]tasker.Table{},
		names:  map[string]tasker.Table{},
		plans:  map[uint32]plan{},
		to:     to,
		value:  value{strings: newInterner()},
	}
	for t := tasker.Table(1); int(t) <= tasker.FollowedTables; t++ {
		d.tables[oids[t]] = t
		d.names[quote(schema, t.String())] = t
	}
	return d
}

// decode takes one message. An error leaves the decoder unusable.
func (d *decoder) decode(msg []byte) error {
	if len(msg) == 0 {
		return fmt.Errorf("%w: an empty message", ErrMalformed)
	}
	body := msg[1:]
	switch msg[0] {
	case msgInsert:
		return d.insert(body)
	case msgUpdate:
		return d.update(body)
	case msgDelete:
		return d.delete(body)
	case msgBegin:
		if len(body) < 20 {
			return truncated("Begin")
		}
		if d.inTx {
			return fmt.Errorf("%w: a transaction begins inside another", ErrMalformed)
		}
		d.inTx = true
		return d.to.begin(begin{
			commitLSN:  tasker.LSN(binary.BigEndian.Uint64(body)),
			commitTime: tasker.TimestampFromPostgres(int64(binary.BigEndian.Uint64(body[8:]))), //nolint:gosec // two's complement
			xid:        binary.BigEndian.Uint32(body[16:]),
		})
	case msgCommit:
		if len(body) < 25 {
			return truncated("Commit")
		}
		if !d.inTx {
			return fmt.Errorf("%w: a commit outside of a transaction", ErrMalformed)
		}
		d.inTx = false
		return d.to.commit(tasker.LSN(binary.BigEndian.Uint64(body[9:])))
	case msgTruncate:
		return d.truncate(body)
	case msgRelation:
		return d.relation(body)
	case msgOrigin, msgType, msgLogical:
		return nil
	}
	return fmt.Errorf("%w: a message of unknown kind %q", ErrMalformed, msg[0])
}

// find gives the plan of the relation that a change begins with; nil when it
// is not followed.
func (d *decoder) find(body []byte, kind string) (plan, []byte, error) {
	if len(body) < 5 {
		return nil, nil, truncated(kind)
	}
	if !d.inTx {
		return nil, nil, fmt.Errorf("%w: %s outside of a transaction", ErrMalformed, kind)
	}
	oid := binary.BigEndian.Uint32(body)
	if oid != d.lastOID || d.lastPlan == nil {
		p, ok := d.plans[oid]
		if !ok {
			return nil, nil, fmt.Errorf("%w: %s of relation %d, which was not announced", ErrMalformed, kind, oid)
		}
		d.lastOID, d.lastPlan = oid, p
	}
	return d.lastPlan, body[4:], nil
}

func (d *decoder) insert(body []byte) error {
	p, body, err := d.find(body, "Insert")
	if p == nil {
		return err
	}
	if body[0] != 'N' {
		return fmt.Errorf("%w: Insert with a tuple of kind %q", ErrMalformed, body[0])
	}
	c := &d.row
	p.reset(c)
	rest, unchanged, err := p.decode(body[1:], c, &d.value)
	if err := d.end(rest, err); err != nil {
		return err
	}
	if unchanged != 0 {
		return fmt.Errorf("%w: Insert with an unchanged column", ErrMalformed)
	}
	c.Table, c.Op, c.Unchanged = p.table(), tasker.Insert, 0
	c.Key = p.key(c)
	c.OldKey = c.Key
	return d.to.change(c)
}

func (d *decoder) update(body []byte) error {
	p, body, err := d.find(body, "Update")
	if p == nil {
		return err
	}
	c := &d.row
	p.reset(c)
	oldKey, hasOld, known := int64(0), false, uint32(0)
	switch body[0] {
	case 'K':
		// Only the columns of the replica identity are in it; what they were
		// does not matter besides the key.
		if body, oldKey, err = p.decodeKey(body[1:]); err != nil {
			return err
		}
		hasOld = true
	case 'O':
		// The whole old row: it also knows what the new one leaves out.
		var unknown uint32
		if body, unknown, err = p.decode(body[1:], c, &d.value); err != nil {
			return err
		}
		oldKey, hasOld, known = p.key(c), true, ^unknown
	}
	if len(body) == 0 || body[0] != 'N' {
		return fmt.Errorf("%w: Update without a new tuple", ErrMalformed)
	}
	rest, unchanged, err := p.decode(body[1:], c, &d.value)
	if err := d.end(rest, err); err != nil {
		return err
	}
	c.Table, c.Op, c.Unchanged = p.table(), tasker.Update, unchanged&^known
	c.Key = p.key(c)
	c.OldKey = c.Key
	if hasOld {
		c.OldKey = oldKey
	}
	return d.to.change(c)
}

func (d *decoder) delete(body []byte) error {
	p, body, err := d.find(body, "Delete")
	if p == nil {
		return err
	}
	if body[0] != 'K' && body[0] != 'O' {
		return fmt.Errorf("%w: Delete with a tuple of kind %q", ErrMalformed, body[0])
	}
	c := &d.row
	p.reset(c)
	rest, key, err := p.decodeKey(body[1:])
	if err := d.end(rest, err); err != nil {
		return err
	}
	c.Table, c.Op, c.Unchanged = p.table(), tasker.Delete, 0
	c.Key, c.OldKey = key, key
	return d.to.change(c)
}

func (d *decoder) truncate(body []byte) error {
	if len(body) < 5 {
		return truncated("Truncate")
	}
	if !d.inTx {
		return fmt.Errorf("%w: Truncate outside of a transaction", ErrMalformed)
	}
	n := uint64(binary.BigEndian.Uint32(body))
	body = body[5:]
	if n*4 != uint64(len(body)) {
		return fmt.Errorf("%w: Truncate of %d relations in %d bytes", ErrMalformed, n, len(body))
	}
	for ; len(body) > 0; body = body[4:] {
		oid := binary.BigEndian.Uint32(body)
		p, ok := d.plans[oid]
		if !ok {
			return fmt.Errorf("%w: Truncate of relation %d, which was not announced", ErrMalformed, oid)
		}
		if p == nil {
			continue
		}
		c := &d.row
		p.reset(c)
		c.Table, c.Op, c.Unchanged, c.Key, c.OldKey = p.table(), tasker.Truncate, 0, 0, 0
		if err := d.to.change(c); err != nil {
			return err
		}
	}
	return nil
}

// end checks that a message ends with its last tuple.
func (d *decoder) end(rest []byte, err error) error {
	if err == nil && len(rest) != 0 {
		return fmt.Errorf("%w: %d bytes follow a change", ErrMalformed, len(rest))
	}
	return err
}

func truncated(kind string) error {
	return fmt.Errorf("%w: a %s message that is too short", ErrMalformed, kind)
}
