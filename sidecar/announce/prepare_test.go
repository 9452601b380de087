package announce

import (
	"errors"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// TestResize: a ring that becomes larger or smaller keeps the newest entries that
// it has room for, with their numbers and places, and knows what is missing.
func TestResize(t *testing.T) {
	for _, size := range []int{1, 3, 7, 8, 20} {
		for _, added := range []int{0, 1, 6, 7, 19} {
			r := newRing(7)
			r.open(1)
			add := func(n int) {
				for range n {
					lsn := max(r.last.LSN, 1) + 1
					r.add(lsn, []Entry{{Name: lsn.String()}}, lsn)
				}
			}
			add(added)
			r.resize(size)
			kept := min(added, 7, size)
			for range 2 {
				entries, _, lost := r.read(nil, r.next-uint64(kept), 100) //nolint:gosec // positive
				if lost || len(entries) != kept {
					t.Fatalf("%d entries, then size %d: %d of %d are kept, lost %t", added, size, len(entries), kept, lost)
				}
				for i, e := range entries {
					if want := r.last.LSN - tasker.LSN(kept-1-i); e.Position.LSN != want || e.Name != want.String() { //nolint:gosec // positive
						t.Errorf("%d entries, then size %d: entry %d is %+v", added, size, i, e)
					}
				}
				if n, whole := r.find(r.floor); !whole || n != r.oldest {
					t.Errorf("what follows the floor is not whole")
				}
				if kept == size { // something is missing before
					if _, whole := r.find(Position{LSN: r.floor.LSN - 1}); whole && r.oldest > 0 {
						t.Errorf("%d entries, then size %d: nothing is said to be missing", added, size)
					}
				}
				add(size + 2)
				kept = size
			}
		}
	}
}

// TestOptionsChange: a hub takes limits over; readers that are there stay.
func TestOptionsChange(t *testing.T) {
	h, err := New(Options{MaxReaders: 1})
	if err != nil {
		t.Fatal(err)
	}
	first, err := h.Subscribe(nil, Filter{})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := h.Subscribe(nil, Filter{}); !errors.Is(err, ErrFull) {
		t.Errorf("a second reader of one: %v", err)
	}
	adopt := func(o Options) {
		t.Helper()
		apply, err := h.Prepare(o)
		if err != nil {
			t.Fatal(err)
		}
		apply()
	}
	adopt(Options{MaxReaders: 2, Queue: 20, Keep: 30})
	second, err := h.Subscribe(nil, Filter{})
	if err != nil {
		t.Errorf("a second reader of two: %v", err)
	}
	defer second.Close()
	if h.Most() != 20 || h.ring.size != 30 {
		t.Errorf("queue %d, keep %d", h.Most(), h.ring.size)
	}
	adopt(Options{MaxReaders: 1})
	if h.Stats().Readers != 2 {
		t.Error("a reader was sent away")
	}
	if _, err := h.Prepare(Options{Keep: 1, MaxReaders: -1}); err == nil {
		t.Error("what is wrong was taken over")
	}
}
