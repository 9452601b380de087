package announce

import (
	"sync"
	"sync/atomic"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// queue takes transactions from the goroutine that applies the log. It never
// waits: what finds no room is left out, which shows in the next position.
type queue struct {
	listening atomic.Bool
	most      atomic.Int64
	filled    chan struct{} // holds one when there is something to take

	mu       sync.Mutex
	waiting  []follow.Committed
	weight   int // of what waits
	advanced advance
	left     string // why something was left out since the last take
}

// advance says that nothing has changed from since up to view's position.
type advance struct {
	since tasker.LSN
	view  *readiness.View // nil: nothing is to be told
}

// taken is what there is to be derived from.
type taken struct {
	transactions []follow.Committed
	advance      advance
	left         string
}

func newQueue(most int) *queue {
	q := &queue{filled: make(chan struct{}, 1)}
	q.most.Store(int64(most))
	return q
}

// Listening implements [follow.Listener].
func (q *queue) Listening() bool { return q.listening.Load() }

// Most implements [follow.Listener].
func (q *queue) Most() int { return int(q.most.Load()) }

// Committed implements [follow.Listener].
func (q *queue) Committed(c follow.Committed) {
	q.mu.Lock()
	defer q.mu.Unlock()
	weight := len(c.Transitions) + 1
	switch {
	case c.Cut || weight > q.Most():
		q.left = "a transaction has more transitions than events.queue allows"
	case q.weight+weight > q.Most():
		q.left = "events could not be made as fast as transactions came (events.queue is full)"
	default:
		q.waiting = append(q.waiting, c)
		q.weight += weight
	}
	q.advanced = advance{}
	q.wake()
}

// Advanced implements [follow.Listener].
func (q *queue) Advanced(since tasker.LSN, view *readiness.View) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.advanced = advance{since, view}
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.filled <- struct{}{}:
	default:
	}
}

// take empties the queue.
func (q *queue) take() taken {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := taken{q.waiting, q.advanced, q.left}
	q.waiting, q.weight, q.advanced, q.left = nil, 0, advance{}, ""
	return t
}

// depth is how many transitions, and transactions, wait.
func (q *queue) depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.weight
}
