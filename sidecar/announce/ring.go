package announce

import (
	"sort"
	"sync"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Gap is the name of an entry that is no event: it says that events are missing
// before it.
const Gap = "gap"

// Entry is an event as readers get it. It is shared: nobody changes it.
type Entry struct {
	Position Position
	Name     string // the event's, or Gap
	TaskID   tasker.Null[int64]
	Data     []byte // a JSON object in one line: an events.Event, or a GapData
}

// GapData is what an entry named [Gap] holds.
type GapData struct {
	// Name is Gap, so that a line tells by itself what it is.
	Name string `json:"name"`
	// Reason says why events are missing, in plain words.
	Reason string `json:"reason"`
	// After is the position up to which nothing is missing; zero, and left out,
	// where that is not known.
	After tasker.LSN `json:"after,omitzero"`
	// Resumed is the position from which on nothing is.
	Resumed tasker.LSN `json:"resumed,omitzero"`
}

// ring holds the newest entries. Entry number i, counted from the beginning,
// lies at i modulo the size.
type ring struct {
	size int

	mu      sync.Mutex
	entries []Entry       // nil while the ring is closed
	next    uint64        // the number of the entry to come
	oldest  uint64        // that of the first one still there
	last    Position      // the newest place given
	floor   Position      // nothing is missing after it
	through tasker.LSN    // everything up to here is in
	changed chan struct{} // closed when entries come
}

func newRing(size int) *ring { return &ring{size: size, changed: make(chan struct{})} }

// open says from where on entries will come.
func (r *ring) open(from tasker.LSN) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries, r.oldest = make([]Entry, r.size), r.next
	r.floor, r.last, r.through = endOf(from), Position{from, 0}, from
}

// resize makes room for more entries, or fewer; then the oldest go.
func (r *ring) resize(size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entries != nil && size != r.size {
		if count := r.next - r.oldest; count > uint64(size) { //nolint:gosec // positive
			r.oldest = r.next - uint64(size) //nolint:gosec // positive
			r.floor = r.at(r.oldest - 1).Position
		}
		entries := make([]Entry, size)
		for n := r.oldest; n < r.next; n++ {
			entries[n%uint64(size)] = *r.at(n) //nolint:gosec // positive
		}
		r.entries = entries
	}
	r.size = size
}

// close forgets all. The numbers go on.
func (r *ring) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries, r.oldest = nil, r.next
}

func (r *ring) at(n uint64) *Entry { return &r.entries[n%uint64(r.size)] } //nolint:gosec // positive

// add appends entries, which get their places from lsn on, and says that
// everything up to through is in.
func (r *ring) add(lsn tasker.LSN, entries []Entry, through tasker.LSN) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range entries {
		if lsn > r.last.LSN {
			r.last = Position{lsn, 0}
		} else {
			r.last.N++
		}
		e.Position = r.last
		if r.next-r.oldest == uint64(r.size) { //nolint:gosec // positive
			r.floor = r.at(r.oldest).Position
			r.oldest++
		}
		*r.at(r.next) = e
		r.next++
	}
	r.through = through
	if len(entries) > 0 {
		close(r.changed)
		r.changed = make(chan struct{})
	}
}

// before is the place behind which entry number n comes, or the oldest there is.
func (r *ring) before(n uint64) (p Position, open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entries == nil || n <= r.oldest {
		return r.floor, r.entries != nil
	}
	return r.at(min(n, r.next) - 1).Position, true
}

// end is the number of the entry to come.
func (r *ring) end() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next
}

// find gives the number of the first entry behind a place; whole is false where
// entries between them are missing, and the number then that of the oldest.
func (r *ring) find(after Position) (n uint64, whole bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entries == nil || after.compare(r.floor) < 0 || after.LSN > max(r.through, r.last.LSN) {
		return r.oldest, false
	}
	count := int(r.next - r.oldest) //nolint:gosec // at most size
	i := sort.Search(count, func(i int) bool {
		return r.at(r.oldest+uint64(i)).Position.compare(after) > 0 //nolint:gosec // positive
	})
	return r.oldest + uint64(i), true //nolint:gosec // positive
}

// read appends entries from number n on to dst, most of them at the most. Where
// there are none it gives what is closed when some come. lost says that the
// entry has been overwritten.
func (r *ring) read(dst []Entry, n uint64, most int) (entries []Entry, changed <-chan struct{}, lost bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n < r.oldest {
		return dst, nil, true
	}
	for ; n < r.next && len(dst) < most; n++ {
		dst = append(dst, *r.at(n))
	}
	return dst, r.changed, false
}

// caughtUp gives the position up to which everything is in, where a reader at
// number n has it all.
func (r *ring) caughtUp(n uint64) (through tasker.LSN, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.through, r.entries != nil && n == r.next
}
