package replication

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// copyOf builds a binary COPY of edges.
func copyOf(edges ...[3]int64) wire {
	m := append(wire(nil), copySignature...).uint32(0).uint32(0)
	for _, e := range edges {
		m = m.uint16(3)
		for _, v := range e {
			m = append(m.uint32(8), int8b(v)...)
		}
	}
	return m.uint16(-1)
}

// TestCopyHoweverCut: the same rows come out however the bytes are cut, in
// batches of the size that was asked for.
func TestCopyHoweverCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []tasker.WorkflowStepEdge
		var rows [][3]int64
		for range rapid.IntRange(0, 20).Draw(t, "rows") {
			r := [3]int64{rapid.Int64().Draw(t, "id"), rapid.Int64().Draw(t, "from"), rapid.Int64().Draw(t, "to")}
			rows = append(rows, r)
			want = append(want, tasker.WorkflowStepEdge{ID: r[0], FromStepID: r[1], ToStepID: r[2]})
		}
		size := rapid.IntRange(1, 5).Draw(t, "size")
		var got []tasker.WorkflowStepEdge
		d := newCopyDecoder(tasker.WorkflowStepEdges, size, newInterner(), func(r *tasker.Rows) error {
			if r.Len() > size || r.Len() == 0 || r.Table != tasker.WorkflowStepEdges {
				t.Fatalf("a batch of %d rows", r.Len())
			}
			got = append(got, r.WorkflowStepEdges...)
			return nil
		})
		for data := []byte(copyOf(rows...)); len(data) > 0; {
			n := rapid.IntRange(1, len(data)).Draw(t, "cut")
			if _, err := d.Write(data[:n]); err != nil {
				t.Fatal(err)
			}
			data = data[n:]
		}
		if err := d.close(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" || d.rows() != int64(len(want)) {
			t.Fatalf("%d rows; want (-), got (+):\n%s", d.rows(), diff)
		}
	})
}

func TestCopyRefuses(t *testing.T) {
	header := func() wire { return append(wire(nil), copySignature...).uint32(0).uint32(0) }
	for _, c := range []struct {
		name string
		data wire
		says string
	}{
		{"nothing", nil, "in the middle"},
		{"text", wire("1\t2\t3\n"), "not a binary COPY"},
		{"flags", append(wire(nil), copySignature...).uint32(1 << 16).uint32(0), "flags"},
		{"extension", append(wire(nil), copySignature...).uint32(0).uint32(8), "extension"},
		{"no end", copyOf([3]int64{1, 2, 3})[:30], "in the middle"},
		{"more after the end", copyOf().byte(1).byte(2), "follow"},
		{"one byte after the end", copyOf().byte(1), "follow"},
		{"columns", header().uint16(2), "2 columns instead of 3"},
		{"negative", header().uint16(3).uint32(-2), "length"},
		{"claims 2 GiB", header().uint16(3).uint32(1<<31 - 1), "claims"},
		{"size", header().uint16(3).uint32(4).uint32(1), "4 bytes"},
		{"NULL", append(header().uint16(3).uint32(8), int8b(1)...).uint32(-1), "NULL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newCopyDecoder(tasker.WorkflowStepEdges, 10, newInterner(), func(*tasker.Rows) error { return nil })
			_, err := d.Write(c.data)
			if err == nil {
				err = d.close()
			}
			if err == nil || !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error: %v", err)
			}
		})
	}
}

// FuzzCopy: no panic, no memory beyond what was given, an error that is one of
// ours, and the same however the bytes are cut.
func FuzzCopy(f *testing.F) {
	f.Add(uint8(tasker.WorkflowStepEdges), uint8(3), []byte(copyOf([3]int64{1, 2, 3}, [3]int64{4, 5, 6})))
	f.Add(uint8(tasker.NamedSteps), uint8(7), []byte(append(append(append(wire(nil), copySignature...).uint32(0).uint32(0).uint16(2).uint32(4), int4(1)...).uint32(3), "abc"...).uint16(-1)))
	f.Add(uint8(tasker.WorkflowSteps), uint8(50), []byte(copyOf()))
	f.Fuzz(func(t *testing.T, table, cut uint8, data []byte) {
		tb := tasker.Table(table%uint8(tasker.FollowedTables) + 1)
		decode := func(step int) string {
			var out bytes.Buffer
			d := newCopyDecoder(tb, 4, newInterner(), func(r *tasker.Rows) error {
				fmt.Fprintf(&out, "%d;", r.Len())
				return nil
			})
			before := allocated()
			for rest := data; ; {
				n := min(step, len(rest))
				_, err := d.Write(rest[:n])
				if rest = rest[n:]; err == nil && len(rest) == 0 {
					err = d.close()
				} else if err == nil {
					continue
				}
				if used := allocated() - before; used > uint64(len(data))*64+4<<20 {
					t.Fatalf("%d bytes allocated for %d", used, len(data))
				}
				if err != nil && !errors.Is(err, ErrMalformed) {
					t.Fatalf("%v is none of ours", err)
				}
				return fmt.Sprintf("%d rows, failed %t", d.rows(), err != nil)
			}
		}
		if whole, pieces := decode(len(data)+1), decode(int(cut)+1); whole != pieces {
			t.Fatalf("in one: %s; in pieces: %s", whole, pieces)
		}
	})
}

func BenchmarkCopy(b *testing.B) {
	var rows [][3]int64
	for i := range int64(1000) {
		rows = append(rows, [3]int64{i, i + 1, i + 2})
	}
	data := []byte(copyOf(rows...))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		d := newCopyDecoder(tasker.WorkflowStepEdges, 1024, newInterner(), func(*tasker.Rows) error { return nil })
		if _, err := d.Write(data); err != nil {
			b.Fatal(err)
		}
	}
}
