package readiness

import (
	"errors"
	"sync/atomic"

	"github.com/tidwall/btree"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// ErrIncomplete is returned, wrapped, where the log left out a value that was
// never known here. Only a new snapshot helps.
var ErrIncomplete = errors.New("the log does not carry a value that is needed")

// Options configures an index.
type Options struct {
	// Rules are those that the database's functions follow. Defaults to RulesV02.
	Rules tasker.Rules
}

func (o Options) withDefaults() Options {
	if o.Rules == 0 {
		o.Rules = tasker.RulesV02
	}
	return o
}

// Position is a point of the log, with the time (never NoTime) of the commit
// that ends there or, of a snapshot, at which it was taken.
type Position struct {
	LSN  tasker.LSN
	Time tasker.Timestamp
}

// Index is the state of all tasks. One goroutine at a time may call the
// methods that change it; View, Changed, WaitFor and Tick are for all.
type Index struct {
	store
	rules      tasker.Rules
	commitTime tasker.Timestamp // of the transaction at work or the last one
	lastSeen   tasker.Timestamp // the latest commit time of all
	lsn        tasker.LSN
	open       bool // between Begin and Commit
	xid        uint32
	changing   changing
	marks      Marks
	commits    commits
	behind     bool // something is committed that is not published

	stateTexts texts
	otherTexts texts
	stepNumber numbers
	taskNumber numbers
	edgeNumber numbers

	// Found by key for the writer alone, never frozen.
	edgeIDs         ids
	stepTransitions ids // most recent only, to steps
	taskTransitions ids // most recent only, to tasks

	dirtySteps []uint32 // touched in this transaction
	dirtyTasks []uint32

	health     tasker.SystemHealthCounts
	candidates int
	nameless   int // steps without their named step
	ready      *btree.BTreeG[readyKey]

	view    atomic.Pointer[View]
	waiters waiters
	ticked  atomic.Int64 // the latest instant that Tick has seen
}

func newIndex(o Options, states, others texts) *Index {
	x := &Index{
		rules:      o.Rules,
		stateTexts: states,
		otherTexts: others,
		commitTime: tasker.NegativeInfinity,
		lastSeen:   tasker.NegativeInfinity,
	}
	x.ticked.Store(int64(tasker.NegativeInfinity))
	return x
}

// Begin starts a transaction. All changes until Commit belong to it.
func (x *Index) Begin(xid uint32, commitTime tasker.Timestamp) {
	x.open = true
	x.xid = xid
	x.commitTime = commitTime
	x.lastSeen = max(x.lastSeen, commitTime)
}

// Commit ends a transaction: what follows from its changes is brought up to
// date. end is the position behind its commit record. Readers see it from the
// next Publish on.
func (x *Index) Commit(end tasker.LSN) {
	at := Mark{end, x.xid}
	x.changing.mark(&x.marks, at)
	x.commits.add(at)
	x.propagate()
	for _, n := range x.dirtySteps {
		s := x.step(n) // touched, so it is ours to write
		s.flags &^= touched | restated
		if s.orphan() {
			x.forgetStep(n, s)
		} else {
			x.include(n, s)
			if s.has(hasRow) {
				x.task(s.task).changed = at // include has made it writable
			}
		}
	}
	for _, n := range x.dirtyTasks {
		t := x.task(n)
		t.flags &^= touched
		if t.orphan() {
			x.forgetTask(n, t)
		} else {
			x.includeTask(t)
			t.changed = at
		}
	}
	x.dirtySteps = reuse(x.dirtySteps)
	x.dirtyTasks = reuse(x.dirtyTasks)
	x.lsn = end
	x.open, x.behind = false, true
}

// reuse empties a list and lets go of one that a huge transaction has grown.
func reuse(list []uint32) []uint32 {
	const keep = 1 << 16
	if cap(list) > keep {
		return nil
	}
	return list[:0]
}

// propagate tells the children of every touched step that became done, is done
// no more, or is done since another instant. The children are touched by that,
// and follow in the list; of them only the counts change, so that nothing
// travels further.
func (x *Index) propagate() {
	for i := 0; i < len(x.dirtySteps); i++ {
		s := x.step(x.dirtySteps[i])
		var delta uint32
		switch done := s.done(); {
		case done && !s.has(countedDone):
			delta = 1
		case !done && s.has(countedDone):
			delta = ^uint32(0)
		case !done || !s.has(restated):
			continue
		}
		s.flags = s.flags&^countedDone | flag(s.done(), countedDone)
		for e := s.out; e != 0; {
			out := x.edge(e)
			x.touchStep(out.to).doneParents += delta
			e = out.nextOut
		}
	}
}

// Publish makes everything committed so far visible to readers, at once. In
// the middle of a transaction it does nothing: the next one does it.
func (x *Index) Publish() {
	if x.open {
		return
	}
	x.states, x.texts = x.stateTexts.list, x.otherTexts.list
	x.freeze()
	x.view.Store(&View{
		store:      x.store,
		rules:      x.rules,
		lsn:        x.lsn,
		commitTime: x.commitTime,
		lastSeen:   x.lastSeen,
		health:     x.health,
		marks:      x.marks,
		commits:    &x.commits,
		candidates: x.candidates,
		nameless:   x.nameless,
		edgeCount:  x.edgeIDs.count,
		lastStep:   x.stepNumber.last,
		other:      x.edgeIDs.pages + x.stepTransitions.pages + x.taskTransitions.pages,
		ready:      x.ready.Copy(),
	})
	x.behind = false
	x.waiters.wake()
}

// Advance moves the position without a change, as a keepalive does when
// everything before it is applied, and publishes. It never moves back.
func (x *Index) Advance(lsn tasker.LSN) {
	if lsn <= x.lsn || x.open {
		return
	}
	x.lsn = lsn
	if x.behind {
		x.Publish()
		return
	}
	v := *x.view.Load()
	v.lsn = lsn
	x.view.Store(&v)
	x.waiters.wake()
}

// View is the newest published state. It never changes, costs nothing to take,
// and may be kept as long as one likes.
func (x *Index) View() *View { return x.view.Load() }

// SetRules exchanges the rules and publishes; not in the middle of a
// transaction. It takes time in proportion to the number of steps.
func (x *Index) SetRules(r tasker.Rules) {
	if r == x.rules {
		return
	}
	x.rules = r
	x.recount()
	x.Publish()
}

// Tick reports that the clock has reached now: whoever waits for a change is
// woken where a step has become ready by the clock alone since the last Tick.
// It returns the next such instant, NoTime where there is none. Answers do not
// depend on it: they are computed for the instant that is asked for. It is safe
// for concurrent use with everything else.
func (x *Index) Tick(now tasker.Timestamp) (next tasker.Timestamp) {
	v := x.view.Load()
	last := x.ticked.Load()
	if first := v.NextInstant(tasker.Timestamp(last)); first != tasker.NoTime && first <= now {
		x.waiters.wake()
	}
	if int64(now) > last {
		x.ticked.CompareAndSwap(last, int64(now))
	}
	return v.NextInstant(now)
}
