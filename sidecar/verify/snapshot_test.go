package verify

import (
	"maps"
	"slices"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func TestParseSnapshot(t *testing.T) {
	for _, c := range []struct {
		text       string
		xmin, xmax uint64
		xip        []uint64
	}{
		{"10:20:", 10, 20, nil},
		{"10:20:10,14,15", 10, 20, []uint64{10, 14, 15}},
		{"8589934600:8589934610:8589934605", 8589934600, 8589934610, []uint64{8589934605}},
		{"3:3:", 3, 3, nil},
	} {
		s, err := parseSnapshot(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if xip := slices.Sorted(maps.Keys(s.inProgress)); s.xmin != c.xmin || s.xmax != c.xmax || !slices.Equal(xip, c.xip) {
			t.Errorf("%s: %d, %d, %v", c.text, s.xmin, s.xmax, xip)
		}
	}
	for _, text := range []string{"", "1:2", "a:2:", "1:b:", "1:2:c", "1:2:3,d", "-1:2:"} {
		if s, err := parseSnapshot(text); err == nil {
			t.Errorf("%q was read as %+v", text, s)
		}
	}
}

func TestSnapshotSees(t *testing.T) {
	const epoch = 1 << 32
	for _, c := range []struct {
		snapshot string
		xid      uint32
		sees     bool
	}{
		{"100:200:150", 99, true},
		{"100:200:150", 100, true},
		{"100:200:150", 150, false},
		{"100:200:150", 151, true},
		{"100:200:150", 199, true},
		{"100:200:150", 200, false},
		{"100:200:150", 201, false},
		{"100:200:150", 0, true}, // of the load
		// The counter has just gone round: its numbers before that are old.
		{"4294967290:4294967306:4294967295", 4294967289, true},
		{"4294967290:4294967306:4294967295", 4294967294, true},
		{"4294967290:4294967306:4294967295", 4294967295, false},
		{"4294967290:4294967306:4294967295", 3, true}, // epoch 1
		{"4294967290:4294967306:4294967295", 10, false},
		// About to go round: small numbers are of the future.
		{"4294967200:4294967290:", 4294967289, true},
		{"4294967200:4294967290:", 5, false},
		// Three times round, in the middle.
		{"12884901988:12884902088:12884902000", 99, true},   // 3·2³² + 99
		{"12884901988:12884902088:12884902000", 112, false}, // 3·2³² + 112
		{"12884901988:12884902088:12884902000", 113, true},
		{"12884901988:12884902088:12884902000", 200, false},
	} {
		s, err := parseSnapshot(c.snapshot)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.sees(readiness.Mark{LSN: 1, XID: c.xid}); got != c.sees {
			t.Errorf("snapshot %s, transaction %d: %t", c.snapshot, c.xid, got)
		}
	}
	if s, _ := parseSnapshot("12884901988:12884902088:"); s.xmin != 3*epoch+100 {
		t.Errorf("the cases are not what they say: %d", s.xmin)
	}
}

func TestBracket(t *testing.T) {
	s, err := parseSnapshot("100:200:150")
	if err != nil {
		t.Fatal(err)
	}
	b := bracket{before: 1000, snapshot: s}
	for _, c := range []struct {
		lsn     tasker.LSN
		xid     uint32
		settled bool
	}{{1000, 99, true}, {1001, 99, false}, {1000, 150, false}, {1000, 0, true}, {1001, 0, false}, {0, 0, true}} {
		if got := b.settled(readiness.Mark{LSN: c.lsn, XID: c.xid}); got != c.settled {
			t.Errorf("%s by %d: settled %t", c.lsn, c.xid, got)
		}
	}
}
