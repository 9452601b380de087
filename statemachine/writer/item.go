package writer

import (
	"cmp"
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// item is a request on its way: what it asks for, what the current attempt has
// found, and what has become of it.
type item struct {
	prepared
	outcome Outcome
	done    bool // the outcome is final

	// Of the current attempt.
	seen       seen
	verdict    *Outcome                // certain without writing; final once the attempt has ended well
	transition statemachine.Transition // what is to be written otherwise
	flipped    bool                    // the most recent transition is so no more, or there was none
	written    int64                   // the id of the new one

	// Of the attempts so far.
	tries    int
	last     error  // what ended the last one
	doubt    string // the id of the transaction that was being committed when the connection was lost
	doubtKey int32  // the sort key that it was to give
}

// end makes an outcome final.
func (it *item) end(o Outcome) { it.outcome, it.done = o, true }

// group are items of one kind, by id.
type group struct {
	kind  kind
	items []*item
	ids   []int64
	byID  map[int64]*item
}

// at is the clock of a group's transitions, read in one statement.
func (g *group) at() tasker.Timestamp { return g.items[0].seen.at }

// compareLocks orders items as their locks are taken.
func compareLocks(a, b *item) int {
	return cmp.Or(cmp.Compare(a.lock, b.lock), cmp.Compare(a.request.ID, b.request.ID))
}

// byKind groups items, tasks first, and keeps their order.
func byKind(items []*item) []group {
	var groups []group
	for _, k := range statemachine.Kinds() {
		g := group{kind: k, byID: map[int64]*item{}}
		for _, it := range items {
			if it.request.Kind != k {
				continue
			}
			g.items, g.ids = append(g.items, it), append(g.ids, it.request.ID)
			g.byID[it.request.ID] = it
		}
		if len(g.items) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

// list is items in an error's text.
type list []*item

// String names one, or says how many there are.
func (l list) String() string {
	if len(l) == 1 {
		return fmt.Sprintf("%s %d", l[0].request.Kind, l[0].request.ID)
	}
	return fmt.Sprintf("%d tasks and steps", len(l))
}
