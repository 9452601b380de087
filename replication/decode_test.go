package replication

import (
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// wire builds what the server would send.
type wire []byte

func (m wire) uint16(v int) wire    { return binary.BigEndian.AppendUint16(m, uint16(v)) } //nolint:gosec // small
func (m wire) uint32(v int) wire    { return binary.BigEndian.AppendUint32(m, uint32(v)) } //nolint:gosec // small
func (m wire) uint64(v int64) wire  { return binary.BigEndian.AppendUint64(m, uint64(v)) } //nolint:gosec // two's complement
func (m wire) string(s string) wire { return append(append(m, s...), 0) }
func (m wire) byte(b byte) wire     { return append(m, b) }

// binary appends a column of a tuple.
func (m wire) binary(b []byte) wire { return append(m.byte(tupleBinary).uint32(len(b)), b...) }

func int4(v int) []byte    { return wire(nil).uint32(v) }
func int8b(v int64) []byte { return wire(nil).uint64(v) }

var oidOf = map[string]int{"integer": 23, "bigint": 20, "boolean": 16, "character varying": 1043, "timestamp without time zone": 1114}

// relationOf announces a table with the oid of its number, its followed columns
// in their order, and one more that nobody follows in front.
func relationOf(t tasker.Table) wire {
	info := t.Info()
	m := wire{msgRelation}.uint32(int(t)).string("public").string(info.Name).byte('d').uint16(len(info.Followed) + 1)
	m = m.byte(0).string("extra").uint32(25).uint32(-1)
	for _, c := range info.Followed {
		flags := byte(0)
		if c.Name == info.Key {
			flags = 1
		}
		m = m.byte(flags).string(c.Name).uint32(oidOf[c.Type]).uint32(-1)
	}
	return m
}

func testDecoder(to handler) *decoder {
	var oids [tasker.FollowedTables + 1]uint32
	for i := range oids {
		oids[i] = uint32(i) //nolint:gosec // small
	}
	return newDecoder("public", oids, to)
}

// changes collects what a decoder finds.
type changes struct {
	got  []tasker.Change
	keep bool
	n    int
}

func (c *changes) begin(begin) error                             { return nil }
func (c *changes) commit(tasker.LSN) error                       { return nil }
func (c *changes) relationChanged(tasker.Table, *relation) error { return nil }
func (c *changes) change(ch *tasker.Change) error {
	c.n++
	if c.keep {
		c.got = append(c.got, *ch)
	}
	return nil
}

var (
	beginMessage  = wire{msgBegin}.uint64(100).uint64(0).uint32(7)
	commitMessage = wire{msgCommit}.byte(0).uint64(100).uint64(108).uint64(0)
	// edge 5: from 6 to 7, with an unknown column in front
	edgeTuple = wire(nil).uint16(4).byte('n').binary(int8b(5)).binary(int8b(6)).binary(int8b(7))
)

func edgeInsert() wire {
	return append(wire{msgInsert}.uint32(int(tasker.WorkflowStepEdges)).byte('N'), edgeTuple...)
}

func transitionInsert() wire {
	m := wire{msgInsert}.uint32(int(tasker.WorkflowStepTransitions)).byte('N').uint16(6).byte('n')
	return m.binary(int8b(9)).binary([]byte("in_progress")).binary([]byte{1}).binary(int8b(4)).binary(int8b(123456))
}

func TestDecodeRefuses(t *testing.T) {
	short := relationOf(tasker.WorkflowStepEdges)
	retyped := strings.Replace(string(short), string(wire("to_step_id\x00").uint32(20)), string(wire("to_step_id\x00").uint32(23)), 1)
	renamed := strings.Replace(string(short), "to_step_id", "another_id", 1)
	moved := strings.Replace(string(short), "public", "secret", 1)
	again := append(wire{msgRelation}.uint32(4711), short[5:]...)
	named := wire(nil).uint16(4).byte('n').binary(int8b(5)).byte('n').binary(int8b(7))
	for _, c := range []struct {
		name string
		msgs []wire
		says string
		as   any
	}{
		{"empty", []wire{{}}, "empty", nil},
		{"unknown kind", []wire{{'Z'}}, "unknown kind", nil},
		{"truncated relation", []wire{short[:30]}, "too short", nil},
		{"retyped", []wire{wire(retyped)}, "to_step_id", new(*RelationError)},
		{"renamed column", []wire{wire(renamed)}, "to_step_id", new(*RelationError)},
		{"moved", []wire{wire(moved)}, "secret.tasker_workflow_step_edges", new(*RelationError)},
		{"created again", []wire{again}, "created again", new(*RelationError)},
		{"not announced", []wire{beginMessage, edgeInsert()}, "not announced", nil},
		{"outside", []wire{short, edgeInsert()}, "outside", nil},
		{"begin twice", []wire{beginMessage, beginMessage}, "inside", nil},
		{"commit first", []wire{commitMessage}, "outside", nil},
		{"cut tuple", []wire{short, beginMessage, edgeInsert()[:20]}, "malformed", nil},
		{"too long", []wire{short, beginMessage, edgeInsert().byte(0)}, "follow", nil},
		{"NULL where none can be", []wire{short, beginMessage, append(wire{msgInsert}.uint32(int(tasker.WorkflowStepEdges)).byte('N'), named...)}, "from_step_id", new(*ValueError)},
		{"wrong size", []wire{short, beginMessage, wire{msgInsert}.uint32(int(tasker.WorkflowStepEdges)).byte('N').uint16(4).byte('n').binary(int4(5)).binary(int8b(6)).binary(int8b(7))}, "4 bytes", new(*ValueError)},
		{"claims 4 GiB", []wire{short, beginMessage, wire{msgInsert}.uint32(int(tasker.WorkflowStepEdges)).byte('N').uint16(4).byte('b').uint32(-1)}, "claims", nil},
		{"delete without a key", []wire{short, beginMessage, wire{msgDelete}.uint32(int(tasker.WorkflowStepEdges)).byte('K').uint16(4).byte('n').byte('n').byte('n').byte('n')}, "not part of", new(*RelationError)},
		{"truncate of too many", []wire{short, beginMessage, wire{msgTruncate}.uint32(1 << 30).byte(0).uint32(6)}, "Truncate", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := testDecoder(&changes{})
			var err error
			for _, m := range c.msgs {
				if err != nil {
					t.Fatalf("too early: %v", err)
				}
				err = d.decode(m)
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("error: %v", err)
			}
			switch as := c.as.(type) {
			case **RelationError:
				if !errors.As(err, as) {
					t.Errorf("%T", err)
				}
			case **ValueError:
				if !errors.As(err, as) || !errors.Is(err, ErrMalformed) {
					t.Errorf("%T", err)
				}
			default:
				if !errors.Is(err, ErrMalformed) {
					t.Errorf("%v is not ErrMalformed", err)
				}
			}
		})
	}
}

// TestDecodeDoesNotAllocate: not for a change whose strings have been seen.
func TestDecodeDoesNotAllocate(t *testing.T) {
	to := &changes{}
	d := testDecoder(to)
	edge, transition := edgeInsert(), transitionInsert()
	for _, m := range []wire{relationOf(tasker.WorkflowStepEdges), relationOf(tasker.WorkflowStepTransitions), beginMessage, transition} {
		if err := d.decode(m); err != nil {
			t.Fatal(err)
		}
	}
	n := testing.AllocsPerRun(1000, func() {
		if d.decode(edge) != nil || d.decode(transition) != nil {
			t.Fatal("error")
		}
	})
	if n != 0 {
		t.Errorf("%f allocations", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	to := &changes{}
	d := testDecoder(to)
	for _, m := range []wire{relationOf(tasker.WorkflowStepTransitions), beginMessage} {
		if err := d.decode(m); err != nil {
			b.Fatal(err)
		}
	}
	m := transitionInsert()
	b.SetBytes(int64(len(m)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.decode(m); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzDecode feeds a decoder a sequence of messages, each with its length in
// front: no panic, no memory beyond what was given, an error that is one of ours.
func FuzzDecode(f *testing.F) {
	seed := func(msgs ...wire) {
		var all wire
		for _, m := range msgs {
			all = append(all.uint16(len(m)), m...)
		}
		f.Add([]byte(all))
	}
	edges := relationOf(tasker.WorkflowStepEdges)
	for _, t := range followedTables() {
		seed(relationOf(t), beginMessage, commitMessage)
	}
	seed(edges, beginMessage, edgeInsert(), commitMessage)
	seed(relationOf(tasker.WorkflowStepTransitions), beginMessage, transitionInsert(), commitMessage)
	update := func(kind byte) wire { return wire{msgUpdate}.uint32(int(tasker.WorkflowStepEdges)).byte(kind) }
	seed(edges, beginMessage, append(update('N'), edgeTuple...), commitMessage)
	seed(edges, beginMessage, append(append(update('O'), edgeTuple...).byte('N'), edgeTuple...), commitMessage)
	seed(edges, beginMessage, append(update('K').uint16(4).byte('n').binary(int8b(1)).byte('n').byte('n').byte('N'), edgeTuple...))
	seed(edges, beginMessage, append(wire{msgDelete}.uint32(int(tasker.WorkflowStepEdges)).byte('K'), edgeTuple...), commitMessage)
	seed(edges, beginMessage, wire{msgTruncate}.uint32(1).byte(0).uint32(int(tasker.WorkflowStepEdges)), commitMessage)
	seed(wire{msgOrigin}, wire{msgType}, wire{msgLogical})
	f.Fuzz(func(t *testing.T, data []byte) {
		d := testDecoder(&changes{})
		before := allocated()
		for given := len(data); len(data) >= 2; {
			n := min(int(binary.BigEndian.Uint16(data)), len(data)-2)
			msg := data[2 : 2+n]
			data = data[2+n:]
			if err := d.decode(msg); err != nil {
				var relation *RelationError
				if !errors.Is(err, ErrMalformed) && !errors.As(err, &relation) {
					t.Fatalf("%v is none of ours", err)
				}
				break
			}
			if used := allocated() - before; used > uint64(given)*64+1<<20 {
				t.Fatalf("%d bytes allocated for %d", used, given)
			}
		}
	})
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
