package writer

import (
	"math"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// seen is what the database says of one task or step, under the locks.
type seen struct {
	exists  bool
	state   string // of the most recent transition, None without one
	recent  int64  // its id
	top     int64  // the id of the transition with the highest sort_key
	sortKey int32  // the highest
	facts   statemachine.Facts
	at      tasker.Timestamp
	earlier *earlier
}

// earlier is a transition that the request has made before.
type earlier struct {
	id      int64
	from    string
	to      string
	sortKey int32
	at      tasker.Timestamp
	digest  string
	ours    bool // it was committed by this very request, whose connection was lost
	lsn     tasker.LSN
}

// sortKeyStep is what the engine counts sort keys by.
const sortKeyStep = 10

// decide says what is to be done: the transition to write, or the outcome that is
// certain without writing.
func decide(p *prepared, s *seen) (statemachine.Transition, *Outcome) {
	r := p.request
	no := func(refusal *Refusal) (statemachine.Transition, *Outcome) {
		return statemachine.Transition{}, &Outcome{Err: refusal}
	}
	if !s.exists {
		return no(refuse(r, NotFound, "there is no such %s", r.Kind))
	}
	if e := s.earlier; e != nil {
		if !e.ours && e.digest != p.digest {
			refusal := refuse(r, KeyReused, "another request has made transition %d, to %s, under the key %s", e.id, e.to, quoted(r.Key)).in(s)
			refusal.TransitionID = e.id
			return no(refusal)
		}
		return statemachine.Transition{}, &Outcome{Result: e.result(p)}
	}
	if s.recent != s.top || s.sortKey > math.MaxInt32-sortKeyStep {
		return no(refuse(r, Contradictory, "its history contradicts itself: the most recent is %s, and %s has the highest sort_key, %d; put that right first",
			transitionName(s.recent), transitionName(s.top), s.sortKey))
	}
	if refusal := expected(r, s); refusal != nil {
		return no(refusal)
	}
	t, ok := p.machine.Find(s.state, r.To)
	switch {
	case !ok && statemachine.Current(s.state) == r.To:
		return no(refuse(r, NotAllowed, "it is %s already", r.To).in(s).leads(p.machine))
	case !ok:
		return no(refuse(r, NotAllowed, "it is %s, and %s", statemachine.Current(s.state), p.machine.Leads(s.state)).in(s).leads(p.machine))
	case r.Kind == statemachine.Step && r.To == tasker.InProgress && !r.Take:
		return no(refuse(r, NotOurs, "the engine's workers may take it, and one that loses the race for it counts a failed attempt and moves it to error; "+
			"say that it is to be taken if they never take steps of this name").in(s))
	case !s.facts.Hold(t.Guard):
		refusal := refuse(r, GuardFailed, "only when %s: %s", t.Guard, s.facts).in(s)
		refusal.Undone, refusal.More = s.facts.Undone, s.facts.More
		return no(refusal)
	}
	return t, nil
}

// leads adds where it could go instead.
func (r *Refusal) leads(m *statemachine.Machine) *Refusal {
	r.Allowed = []string{}
	for _, t := range m.From(r.State) {
		r.Allowed = append(r.Allowed, t.To)
	}
	return r
}

func (e *earlier) result(p *prepared) Result {
	event, _ := p.machine.Event(e.from, e.to)
	return Result{Kind: p.request.Kind, ID: p.request.ID, TransitionID: e.id, From: statemachine.Current(e.from), To: e.to,
		Event: event, SortKey: e.sortKey, At: e.at, LSN: e.lsn, Repeated: !e.ours}
}
