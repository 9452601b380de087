package announce

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/events"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// ErrBehind is returned to a reader that was overtaken.
var ErrBehind = errors.New("the reader was too slow: events that it has not read were overwritten (events.keep)")

// ErrFull is returned where there are as many readers as may be.
var ErrFull = errors.New("there are as many readers as events.max_readers allows")

// Filter says what a reader is told. The zero value: everything. Gaps are told
// in any case.
type Filter struct {
	Names   []string // as events.Match takes them
	TaskIDs []int64
}

// Check refuses a pattern that means no event.
func (f Filter) Check() error {
	for _, pattern := range f.Names {
		if !slices.ContainsFunc(events.Names(), func(name string) bool { return events.Match(pattern, name) }) {
			return fmt.Errorf("%q means no event: a name such as step.failed is expected, or the beginning of several such as step.*", pattern)
		}
	}
	return nil
}

// Wants says whether an entry passes.
func (f Filter) Wants(e *Entry) bool {
	if e.Name == Gap {
		return true
	}
	return (f.Names == nil || slices.ContainsFunc(f.Names, func(p string) bool { return events.Match(p, e.Name) })) &&
		(f.TaskIDs == nil || e.TaskID.Valid && slices.Contains(f.TaskIDs, e.TaskID.V))
}

// Reader reads events in their order. It is for one goroutine.
type Reader struct {
	hub    *Hub
	filter Filter
	next   uint64
	first  []Entry // given before all others
	batch  []Entry
	closed bool
}

// Subscribe makes a reader of what comes from now on or, with a place, of what
// comes behind it; where something of that is missing, the first entry is a gap,
// and the next the oldest there is. Close it.
func (h *Hub) Subscribe(after *Position, filter Filter) (*Reader, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.readers >= h.o.MaxReaders {
		return nil, fmt.Errorf("%w (%d)", ErrFull, h.o.MaxReaders)
	}
	r := &Reader{hub: h, filter: filter, next: h.ring.end()}
	if after != nil {
		var whole bool
		if r.next, whole = h.ring.find(*after); !whole {
			e := gap("the place is not among the events kept (events.keep, events.linger)", after.LSN, 0)
			e.Position = *after
			r.first = []Entry{e}
		}
	}
	h.readers++
	h.listening.Store(true)
	return r, nil
}

// mostAtOnce is how many entries one call of Next gives at the most.
const mostAtOnce = 256

// Next waits for entries and gives some, at least one; they are valid until the
// next call. It returns ErrBehind, or ctx's error.
func (r *Reader) Next(ctx context.Context) ([]Entry, error) {
	if r.first != nil {
		first := r.first
		r.first = nil
		return first, nil
	}
	for ctx.Err() == nil {
		entries, changed, lost := r.hub.ring.read(r.batch[:0], r.next, mostAtOnce)
		if lost {
			r.hub.dropped.Add(1)
			return nil, ErrBehind
		}
		r.batch = entries
		r.next += uint64(len(entries))
		if len(entries) == 0 {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				continue
			}
		}
		if wanted := slices.DeleteFunc(entries, func(e Entry) bool { return !r.filter.Wants(&e) }); len(wanted) > 0 {
			return wanted, nil
		}
	}
	return nil, ctx.Err()
}

// Missing says whether the first entry is a gap, because what comes behind the
// reader's place is not kept.
func (r *Reader) Missing() bool { return r.first != nil }

// Place is the one behind which the reader goes on; false until entries are kept.
func (r *Reader) Place() (Position, bool) { return r.hub.ring.before(r.next) }

// SkipToEnd goes on with what comes from now on.
func (r *Reader) SkipToEnd() { r.first, r.next = nil, r.hub.ring.end() }

// Drop counts a reader that is sent away because what it is sent does not go out.
func (r *Reader) Drop() { r.hub.dropped.Add(1) }

// CaughtUp gives the position of the log up to which the reader has got
// everything; false while there is more to read.
func (r *Reader) CaughtUp() (tasker.LSN, bool) {
	if r.first != nil {
		return 0, false
	}
	return r.hub.ring.caughtUp(r.next)
}

// Close ends the reader; twice does nothing.
func (r *Reader) Close() {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	if !r.closed {
		r.closed = true
		r.hub.readers--
		r.hub.left = time.Now()
	}
}
