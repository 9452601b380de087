package announce

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/events"
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Hub is the [follow.Listener] that makes events, and what readers read from.
// Its methods are safe for concurrent use; Run once.
type Hub struct {
	*queue
	ring *ring

	mu      sync.Mutex
	o       Options
	readers int
	left    time.Time // when the last one left

	published, gaps, dropped, unnamed atomic.Int64

	// Of Run's goroutine.
	clock   Clock
	opened  bool             // the ring is
	through tasker.LSN       // everything up to here is derived from
	ticked  tasker.Timestamp // the instant up to which the clock is told of
	latest  *readiness.View
	why     string // the reason of the gap that will show next; empty: the log's
	list    []events.Event
	entries []Entry
}

// New makes a hub. Options that are wrong are refused, all at once.
func New(o Options) (*Hub, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	h := &Hub{queue: newQueue(o.Queue), o: o, ring: newRing(o.Keep)}
	h.listening.Store(o.Always)
	return h, nil
}

// Prepare checks options that are to hold from now on, and gives what puts them
// into force. Readers stay, also where they are more than may be now; of a smaller
// ring the oldest events go. Always stays as it was.
func (h *Hub) Prepare(o Options) (apply func(), err error) {
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	return func() {
		h.ring.resize(o.Keep)
		h.most.Store(int64(o.Queue))
		h.mu.Lock()
		defer h.mu.Unlock()
		o.Always = h.o.Always
		h.o = o
	}, nil
}

// Run derives events until ctx ends.
func (h *Hub) Run(ctx context.Context, clock Clock) {
	h.clock = clock
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.filled:
		case <-timer.C:
		}
		if h.rest() {
			timer.Reset(idleLook)
			continue
		}
		h.derive(h.take())
		timer.Reset(h.wait())
	}
}

// idleLook is how often it is looked whether anything is to be done where no
// instant is known. Whoever has something wakes the hub at once.
const idleLook = time.Second

// wait is the time until the clock lets a step run.
func (h *Hub) wait() time.Duration {
	if h.latest == nil {
		return idleLook
	}
	next := h.latest.NextInstant(h.ticked)
	if !next.Finite() {
		return idleLook
	}
	return min(max(next.Sub(h.clock.Now()), time.Millisecond), idleLook)
}

// rest closes the ring where nobody has read for long enough, and says whether
// there is nothing to do.
func (h *Hub) rest() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.readers == 0 && !h.o.Always && time.Since(h.left) >= h.o.Linger {
		h.listening.Store(false)
	}
	if h.Listening() {
		return false
	}
	h.take()
	if h.opened {
		h.ring.close()
		h.opened, h.latest = false, nil
	}
	return true
}

// derive makes events of what was taken from the queue.
func (h *Hub) derive(t taken) {
	if t.left != "" {
		h.why = t.left
	}
	for i := range t.transactions {
		c := &t.transactions[i]
		h.goOn(c.Since)
		h.due(c.Before, c.At)
		h.ticked = max(h.ticked, c.At)
		tx := transaction(c, h.ticked)
		var unnamed int
		h.list, unnamed = events.Derive(h.list[:0], tx, views{c.Before, c.After})
		h.unnamed.Add(int64(unnamed))
		h.put(c.LSN, c.LSN)
		h.latest = c.After
		t.transactions[i] = follow.Committed{} // the views may go
	}
	if t.advance.view != nil {
		h.goOn(t.advance.since)
		h.latest = t.advance.view
		if lsn := h.latest.LSN(); lsn > h.through {
			h.through = lsn
			h.ring.add(lsn, nil, lsn)
		}
	}
	if h.latest != nil && h.clock.Fresh() {
		h.due(h.latest, h.clock.Now())
	}
}

// goOn opens the ring, or says that something is missing where what comes does
// not go on where the last has ended.
func (h *Hub) goOn(since tasker.LSN) {
	if !h.opened {
		h.opened, h.through, h.ticked = true, since, h.clock.Now()
		h.ring.open(since)
		return
	}
	if since <= h.through {
		return
	}
	why := h.why
	if why == "" {
		why = "the connection to the database was lost, and the log was read anew"
	}
	h.gaps.Add(1)
	h.ring.add(since, []Entry{gap(why, h.through, since)}, since)
	h.through, h.why = since, ""
}

func gap(why string, after, resumed tasker.LSN) Entry {
	return Entry{Name: Gap, Data: encode(GapData{Gap, why, after, resumed})}
}

// GapEntry is an entry without a place that says why events are missing.
func GapEntry(why string) Entry { return gap(why, 0, 0) }

// GapAfter is an entry without a place that says why events are missing between
// two positions.
func GapAfter(why string, after, resumed tasker.LSN) Entry { return gap(why, after, resumed) }

// Encode makes an entry, without a place, of an event.
func Encode(e *events.Event) Entry { return Entry{Name: e.Name, TaskID: e.TaskID, Data: encode(e)} }

// due tells of the steps that the clock lets run by what a view knows, up to an
// instant, each time by itself.
func (h *Hub) due(view *readiness.View, until tasker.Timestamp) {
	if until <= h.ticked {
		return
	}
	h.list = h.list[:0]
	var steps []step
	var at tasker.Timestamp
	flush := func() {
		h.list = events.DeriveDue(h.list, at, byTask(steps), views{view, view})
		steps = steps[:0]
	}
	view.ReadyBetween(h.ticked, until, func(stepID, taskID int64, since tasker.Timestamp) bool {
		if len(steps) > 0 && since != at {
			flush()
		}
		at = since
		steps = append(steps, step{taskID, stepID})
		return true
	})
	if len(steps) > 0 {
		flush()
	}
	h.ticked = until
	if len(h.list) > 0 {
		h.put(h.through, h.through)
	}
}

// put encodes the events at hand and gives them to the readers.
func (h *Hub) put(lsn, through tasker.LSN) {
	h.through = max(h.through, through)
	h.entries = h.entries[:0]
	for i := range h.list {
		h.entries = append(h.entries, Encode(&h.list[i]))
	}
	h.published.Add(int64(len(h.entries)))
	h.ring.add(lsn, h.entries, h.through)
	clear(h.list)
	clear(h.entries)
}

// encode writes a value as JSON in one line.
func encode(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err) // plain data always encodes
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Stats are counts since the start, and of now.
type Stats struct {
	Published int64 // events, gaps apart
	Gaps      int64 // how often events were missing
	Unnamed   int64 // transitions to states that the engine does not know
	Readers   int64
	Dropped   int64 // readers that were too slow
	Queued    int64 // transitions that wait to be derived from
}

// Stats counts.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	readers := h.readers
	h.mu.Unlock()
	return Stats{
		Published: h.published.Load(), Gaps: h.gaps.Load(), Unnamed: h.unnamed.Load(), Dropped: h.dropped.Load(),
		Readers: int64(readers), Queued: int64(h.depth()),
	}
}
