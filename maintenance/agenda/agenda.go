package agenda

import (
	"github.com/tidwall/btree"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Agenda is what is to be done about all tasks, kept up to date view by view.
// One goroutine at a time may use it.
type Agenda struct {
	o     Options
	view  *readiness.View
	began tasker.Timestamp
	tasks map[int64]*entry
	due   [len(names)]*btree.BTreeG[*item]
	queue []look // looks that have yet to be taken
	swept bool   // every task has been looked at
	at    tasker.LSN
}

// entry is a task with something to be done.
type entry struct {
	items []*item
	seen  tasker.Timestamp // when it was last seen to change
}

// item is an act on the agenda.
type item struct {
	Act
	held    tasker.Timestamp // not to be tried before
	settled bool             // done or refused: not again unless something changes
}

// look is a task to be looked at: because it changed, or just so.
type look struct {
	task    int64
	changed bool
}

// New makes an empty agenda. Options must have their defaults.
func New(o Options) *Agenda {
	a := &Agenda{o: o}
	a.clear()
	return a
}

func (a *Agenda) clear() {
	a.tasks, a.queue, a.swept = map[int64]*entry{}, nil, false
	a.noneDue()
}

func (a *Agenda) noneDue() {
	for i := range a.due {
		a.due[i] = btree.NewBTreeGOptions(func(x, y *item) bool { return x.before(&y.Act) }, btree.Options{NoLocks: true})
	}
}

// Reset has every task looked at anew, by other options, which must have their
// defaults. Until a task has been looked at, nothing of it is due, and what was
// held or settled by the former ones is not any more. When each was seen to change
// last stays known.
func (a *Agenda) Reset(o Options) {
	a.o, a.swept = o, false
	a.noneDue()
	for _, e := range a.tasks {
		e.items = nil
	}
	a.Sweep()
}

// Update takes a newer view in. Only what has changed is looked at, by the next
// calls of Look; of another index than before, everything.
func (a *Agenda) Update(v *readiness.View, now tasker.Timestamp) {
	before := a.view
	a.view = v
	if before == v {
		return
	}
	if before != nil {
		if changed, ok := v.ChangedTasks(before); ok {
			for _, id := range changed {
				a.queue = append(a.queue, look{id, true})
			}
			return
		}
	}
	a.clear()
	a.began = now
	a.Sweep()
}

// Sweep has every task looked at once more.
func (a *Agenda) Sweep() {
	if a.view == nil {
		return
	}
	a.view.Tasks(func(id int64) bool {
		a.queue = append(a.queue, look{task: id})
		return true
	})
}

// Look looks at no more than most tasks, and says whether others are left.
func (a *Agenda) Look(most int, now tasker.Timestamp) (more bool) {
	n := min(most, len(a.queue))
	for _, l := range a.queue[:n] {
		a.look(l, now)
	}
	if a.queue = a.queue[n:]; len(a.queue) == 0 && a.view != nil {
		a.queue, a.swept, a.at = nil, true, a.view.LSN()
	}
	return len(a.queue) > 0
}

// Complete says whether every task has been looked at since the agenda began.
func (a *Agenda) Complete() bool { return a.swept }

// LSN is the position of the log up to which everything has been looked at.
func (a *Agenda) LSN() tasker.LSN { return a.at }

func (a *Agenda) look(l look, now tasker.Timestamp) {
	acts := Plan(a.view, l.task, &a.o)
	e := a.tasks[l.task]
	if e == nil {
		if len(acts) == 0 {
			return
		}
		e = &entry{seen: a.began}
		a.tasks[l.task] = e
	}
	if l.changed {
		e.seen = now
	}
	known := map[key]*item{}
	for _, i := range e.items {
		known[i.key()] = i
		a.due[i.Service].Delete(i)
	}
	e.items = e.items[:0:0]
	if len(acts) == 0 {
		delete(a.tasks, l.task)
		return
	}
	for _, act := range acts {
		i := &item{Act: act, held: tasker.NoTime}
		if act.Service != Retrier && act.Service != Rescuer {
			i.Due = max(i.Due, e.seen.Add(act.quiet))
		}
		if k := known[act.key()]; k != nil && k.same(&act) {
			i.held, i.settled = k.held, k.settled
		}
		i.Due = max(i.Due, i.held)
		e.items = append(e.items, i)
		if !i.settled {
			a.due[i.Service].Set(i)
		}
	}
}

// Due is the act of a service that is due first, if it is due at now.
func (a *Agenda) Due(s Service, now tasker.Timestamp) (Act, bool) {
	if i, ok := a.due[s].Min(); ok && i.Due <= now {
		return i.Act, true
	}
	return Act{}, false
}

// Next is the instant at which an act of a service is due next, NoTime without
// one.
func (a *Agenda) Next(s Service) tasker.Timestamp {
	if i, ok := a.due[s].Min(); ok {
		return i.Due
	}
	return tasker.NoTime
}

// Settle takes an act off the agenda until what it was decided on has changed.
func (a *Agenda) Settle(act Act) { a.put(act, func(i *item) { i.settled = true }) }

// Hold puts an act off.
func (a *Agenda) Hold(act Act, until tasker.Timestamp) {
	a.put(act, func(i *item) { i.held, i.Due = until, max(i.Due, until) })
}

func (a *Agenda) put(act Act, change func(*item)) {
	e := a.tasks[act.TaskID]
	if e == nil {
		return
	}
	for _, i := range e.items {
		if i.key() == act.key() && i.same(&act) {
			a.due[i.Service].Delete(i)
			if change(i); !i.settled {
				a.due[i.Service].Set(i)
			}
		}
	}
}

// List gives the acts of a service that are due at now, the most urgent first,
// no more than most of them, and how many there are.
func (a *Agenda) List(s Service, now tasker.Timestamp, most int) (acts []Act, total int) {
	a.due[s].Scan(func(i *item) bool {
		if i.Due > now {
			return false
		}
		if total++; len(acts) < most {
			acts = append(acts, i.Act)
		}
		return true
	})
	return acts, total
}

// Later is how many acts of a service are not due yet, when total are.
func (a *Agenda) Later(s Service, total int) int { return a.due[s].Len() - total }
