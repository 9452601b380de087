package player

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// task is one that the player carries.
type task struct {
	id       int64
	workflow *workload.Workflow // nil: adopted
	steps    map[int64]int      // its steps' indexes in the workflow, by id
	taken    string             // the conditional branch that is taken
	looks    atomic.Int32       // of an operator who found it waiting …
	seen     atomic.Int64       // … and how many commits there had been at the last one
}

// queue holds tasks to be worked on, and those left hanging. Like the engine's
// it knows nothing of the database.
type queue struct {
	mu      sync.Mutex
	jobs    []*task
	hanging []hanging // oldest first
	busy    int       // workers that may yet add to either
}

type hanging struct {
	task  *task
	since time.Time
}

func (q *queue) push(t *task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = append(q.jobs, t)
}

// pushOnce is push for a task that may have a job already.
func (q *queue) pushOnce(t *task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !slices.ContainsFunc(q.jobs, func(job *task) bool { return job.id == t.id }) {
		q.jobs = append(q.jobs, t)
	}
}

// pop gives the oldest job, or nil. Whoever gets one is busy until done.
func (q *queue) pop() *task {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.jobs) == 0 {
		return nil
	}
	t := q.jobs[0]
	q.jobs[0] = nil
	q.jobs = q.jobs[1:]
	q.busy++
	return t
}

// begin and done mark work that was not popped.
func (q *queue) begin() { q.mu.Lock(); q.busy++; q.mu.Unlock() }
func (q *queue) done()  { q.mu.Lock(); q.busy--; q.mu.Unlock() }

func (q *queue) leave(t *task, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.hanging = append(q.hanging, hanging{t, now})
}

// oldest gives the task that hangs for longest, when it hangs since before the
// given time. Whoever gets one is busy until done.
func (q *queue) oldest(before time.Time) *task {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.hanging) == 0 || q.hanging[0].since.After(before) {
		return nil
	}
	t := q.hanging[0].task
	q.hanging[0] = hanging{}
	q.hanging = q.hanging[1:]
	q.busy++
	return t
}

// alone says, to one who is busy, that nobody else is or could be.
func (q *queue) alone() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.jobs) == 0 && q.busy == 1
}

// idle says that there is no job and nobody who could add one.
func (q *queue) idle() (nothing, noneHanging bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.jobs) == 0 && q.busy == 0, len(q.hanging) == 0
}
