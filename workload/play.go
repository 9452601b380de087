package workload

import (
	"math/rand/v2"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// requestedBackoff is the engine's max_backoff_seconds, the longest that a
// server's Retry-After can ask for.
const requestedBackoff = 300

// Play gives a fresh instance the history that the scenario says, ending at
// most the given age before now, drawn from r.
func (i *Instance) Play(s Scenario, now tasker.Timestamp, age time.Duration, r *rand.Rand) {
	p := play{Instance: i, r: r, now: now, ends: make([]tasker.Timestamp, len(i.Steps))}
	rest := time.Duration(0) // the last move lies this long before now
	if age > 0 {
		rest = time.Duration(r.Int64N(int64(age)))
	}
	if s == Fresh || len(i.Steps) == 0 && s != Completed && s != TaskCancelled {
		i.shift(now.Add(-rest).Sub(i.CreatedAt))
		return
	}
	p.start()
	switch s {
	case Started:
		p.carry(func(int) bool { return r.Float64() < 0.7 })
		p.takeSome()
	case Completed:
		p.carry(always)
		p.finish(tasker.Complete)
	case Flaky:
		t := p.target()
		limit := int(max(i.Steps[t].RetryLimit.Or(tasker.DefaultRetryLimit), 1))
		p.flaky, p.flakyFails = t, limit-1
		p.carry(always)
		p.finish(tasker.Complete)
	case Exhausted, TaskResolved:
		t := p.besides()
		p.exhaust(t)
		p.finish(tasker.Error)
		if s == TaskResolved {
			p.finish(tasker.ResolvedManually)
		}
	case NotRetryable:
		t := p.besides()
		i.Steps[t].Retryable = false
		p.fail(t, 1)
	case InFailureBackoff:
		rest = time.Second
		t := p.around()
		if i.Steps[t].RetryLimit.Or(tasker.DefaultRetryLimit) < 2 {
			i.Steps[t].RetryLimit = tasker.Some[int32](2)
		}
		p.fail(t, int(min(i.Steps[t].RetryLimit.Or(tasker.DefaultRetryLimit)-1, 5)))
	case InRequestedBackoff:
		rest = 10 * time.Second
		t := p.around()
		p.fail(t, 1)
		i.Steps[t].Moves[len(i.Steps[t].Moves)-1].Backoff = tasker.Some[int32](requestedBackoff)
	case StuckInProgress:
		rest = time.Hour
		t := p.around()
		i.Steps[t].add(tasker.InProgress, p.latest().Add(p.pause()))
	case StepCancelled:
		p.cancel(p.around())
	case TaskCancelled:
		p.carry(func(int) bool { return r.Float64() < 0.5 })
		p.takeSome()
		p.finish(tasker.Cancelled)
	case StepResolved:
		p.resolveOne()
	case BranchCancelled, BranchResolved:
		p.branch(s)
	}
	i.shift(now.Add(-rest).Sub(i.last()))
}

// play carries the steps of one instance through time.
type play struct {
	*Instance
	r    *rand.Rand
	now  tasker.Timestamp
	ends []tasker.Timestamp // of the steps that are done

	flaky, flakyFails int // the step with more failing attempts; none: flakyFails 0
}

func always(int) bool { return true }

// pause is the time between two things that the engine does.
func (p *play) pause() time.Duration {
	return time.Duration(1+p.r.IntN(20_000)) * time.Microsecond
}

// work is how long a handler runs.
func (p *play) work() time.Duration {
	return time.Duration(1_000+p.r.IntN(2_000_000)) * time.Microsecond
}

// start takes the task.
func (p *play) start() { p.Instance.add(tasker.InProgress, p.CreatedAt.Add(p.pause())) }

// finish moves the task, after all else.
func (p *play) finish(to string) { p.Instance.add(to, p.last().Add(p.pause())) }

// latest is when the last move was made.
func (p *play) latest() tasker.Timestamp { return p.last() }

// ready gives the time at which a step can be taken, when its parents are done.
func (p *play) ready(s int) (tasker.Timestamp, bool) {
	at := p.Moves[0].At
	for _, parent := range p.Workflow.Steps[s].Parents {
		if !tasker.Done(p.Steps[parent].State()) {
			return 0, false
		}
		at = max(at, p.ends[parent])
	}
	return at.Add(p.pause()), true
}

// complete runs a step to its end, after its failing attempts.
func (p *play) complete(s int, at tasker.Timestamp) {
	fails := p.Workflow.Steps[s].FailingAttempts
	if p.flakyFails > 0 && s == p.flaky {
		fails = p.flakyFails
	}
	at = p.failures(s, fails, at)
	p.Steps[s].add(tasker.InProgress, at)
	at = at.Add(p.work())
	p.Steps[s].add(tasker.Complete, at)
	p.ends[s] = at
}

// failures is the attempts that fail, each retried once its backoff has
// passed; it gives the time of the next attempt.
func (p *play) failures(s, n int, at tasker.Timestamp) tasker.Timestamp {
	for attempt := 1; attempt <= n; attempt++ {
		p.Steps[s].add(tasker.InProgress, at)
		at = at.Add(p.work())
		p.Steps[s].add(tasker.Error, at)
		at = at.AddSeconds(min(int64(1)<<min(attempt, 10), tasker.MaxFailureBackoffSeconds)).Add(p.pause())
		p.Steps[s].add(tasker.Pending, at)
		at = at.Add(p.pause())
	}
	return at
}

// carry completes, in order, the steps that can be and are chosen.
func (p *play) carry(chosen func(step int) bool) {
	for s := range p.Steps {
		if len(p.Steps[s].Moves) > 0 {
			continue
		}
		if at, ok := p.ready(s); ok && chosen(s) {
			p.complete(s, at)
		}
	}
}

// takeSome leaves about half of the steps that can run in progress.
func (p *play) takeSome() {
	for s := range p.Steps {
		if at, ok := p.ready(s); ok && len(p.Steps[s].Moves) == 0 && p.r.IntN(2) == 0 {
			p.Steps[s].add(tasker.InProgress, at)
		}
	}
}

// target is a random step.
func (p *play) target() int { return p.r.IntN(len(p.Steps)) }

// around chooses a step, completes all that it depends on, and about half of
// what does not depend on it.
func (p *play) around() int {
	t := p.target()
	above := ancestors(p.Workflow, t)
	p.carry(func(s int) bool { return s != t && (above[s] || p.r.IntN(2) == 0) })
	return t
}

// besides chooses a step and completes all that does not depend on it, as the
// engine does before it gives a task up.
func (p *play) besides() int {
	t := p.target()
	p.carry(func(s int) bool { return s != t })
	return t
}

// fail lets the last n attempts of a step fail; the last stays in error and is
// the last thing that happens.
func (p *play) fail(s, n int) {
	at := p.failures(s, n-1, p.latest().Add(p.pause()))
	p.Steps[s].add(tasker.InProgress, at)
	p.Steps[s].add(tasker.Error, at.Add(p.work()))
}

// exhaust uses up all attempts.
func (p *play) exhaust(s int) {
	p.fail(s, int(max(p.Steps[s].RetryLimit.Or(tasker.DefaultRetryLimit), 1)))
}

func (p *play) cancel(s int) { p.Steps[s].add(tasker.Cancelled, p.latest().Add(p.pause())) }

func (p *play) resolve(s int) {
	at := p.latest().Add(p.work())
	p.Steps[s].add(tasker.ResolvedManually, at)
	p.ends[s] = at
}

// resolveOne exhausts a step, resolves it by hand and completes the rest.
func (p *play) resolveOne() {
	t := p.around()
	p.exhaust(t)
	p.resolve(t)
	p.carry(always)
	p.finish(tasker.Complete)
}

// branch takes one of the workflow's branches and leaves the others.
func (p *play) branch(s Scenario) {
	var branches []string
	seen := map[string]bool{"": true}
	for i := range p.Workflow.Steps {
		if b := p.Workflow.Steps[i].Branch; !seen[b] {
			seen[b] = true
			branches = append(branches, b)
		}
	}
	if len(branches) == 0 {
		if s == BranchResolved {
			p.resolveOne()
		} else {
			p.cancel(p.around())
		}
		return
	}
	taken := branches[p.r.IntN(len(branches))]
	on := func(step int) bool {
		b := p.Workflow.Steps[step].Branch
		return b == "" || b == taken
	}
	p.carry(on)
	for i := range p.Steps {
		if on(i) {
			continue
		}
		if s == BranchResolved {
			p.resolve(i)
		} else {
			p.cancel(i)
		}
	}
	if s == BranchResolved {
		p.carry(always)
		p.finish(tasker.Complete)
	}
}

// ancestors marks all steps that a step depends on, directly or not.
func ancestors(w *Workflow, step int) []bool {
	above := make([]bool, len(w.Steps))
	var mark func(int)
	mark = func(s int) {
		for _, p := range w.Steps[s].Parents {
			if !above[p] {
				above[p] = true
				mark(p)
			}
		}
	}
	mark(step)
	return above
}
