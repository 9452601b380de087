package writer

import (
	"context"
	"fmt"
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
)

// BatchOptions say how a batch is performed.
type BatchOptions struct {
	// AllOrNothing performs the batch in one transaction, or not at all when one
	// of it is refused: the others are then refused with [Abandoned]. Such a batch
	// has at most [Options.MaxLocks] transitions.
	AllOrNothing bool
}

// Batch performs several transitions, of as many tasks and steps, in few
// transactions; the outcomes come in the order of the requests. Without
// AllOrNothing each is decided on its own.
//
// An [Invalid] means that nothing was done. Any other error says what kept the
// batch from being carried on; the outcomes tell what was done until then.
func (w *Writer) Batch(ctx context.Context, requests []Request, o BatchOptions) ([]Outcome, error) {
	items, err := w.prepareAll(requests, o)
	if err != nil {
		return nil, err
	}
	err = w.performAll(ctx, items, o.AllOrNothing)
	outcomes := make([]Outcome, len(items))
	for i, it := range items {
		outcomes[i] = it.outcome
	}
	return outcomes, err
}

// performAll performs them a transaction at a time, in the order of their locks.
func (w *Writer) performAll(ctx context.Context, items []*item, together bool) error {
	sorted := slices.SortedFunc(slices.Values(items), compareLocks)
	var failed error
	for part := range slices.Chunk(sorted, w.o.MaxLocks) {
		if failed == nil {
			failed = w.explained(w.perform(ctx, part, together))
		}
		if failed == nil {
			continue
		}
		for _, it := range part {
			if !it.done {
				it.end(Outcome{Err: failed})
			}
		}
	}
	return failed
}

// prepareAll checks everything before anything is done.
func (w *Writer) prepareAll(requests []Request, o BatchOptions) ([]*item, error) {
	switch n := len(requests); {
	case n > w.o.MaxBatch:
		return nil, &Invalid{[]Problem{{"requests", fmt.Sprintf("there are %d, and a batch has at most %d", n, w.o.MaxBatch)}}}
	case o.AllOrNothing && n > w.o.MaxLocks:
		return nil, &Invalid{[]Problem{{"requests", fmt.Sprintf("there are %d, and all or nothing takes one transaction, which has at most %d: "+
			"more locks would starve other sessions of the server", n, w.o.MaxLocks)}}}
	}
	type entity struct {
		kind statemachine.Kind
		id   int64
	}
	first := make(map[entity]int, len(requests))
	items := make([]*item, len(requests))
	var problems []Problem
	for i := range requests {
		r := &requests[i]
		p, found := prepare(r, fmt.Sprintf("requests[%d].", i))
		problems = append(problems, found...)
		e := entity{r.Kind, r.ID}
		if other, ok := first[e]; ok && r.Kind.Valid() {
			problems = append(problems, Problem{fmt.Sprintf("requests[%d].id", i), fmt.Sprintf("%s %d is in requests[%d] already", r.Kind, r.ID, other)})
		} else {
			first[e] = i
		}
		items[i] = &item{prepared: p}
	}
	return items, invalid(problems)
}
