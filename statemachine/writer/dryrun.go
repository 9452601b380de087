package writer

import (
	"context"
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
)

// DryRun says what would become of the requests, each on its own, and writes
// nothing: results come without the id of a transition and without a position. It
// takes no locks and calls no hooks. By the time that a request is performed it
// may be otherwise.
//
// The error is an [Invalid], or says what failed in the database.
func (w *Writer) DryRun(ctx context.Context, requests []Request) ([]Outcome, error) {
	items, err := w.prepareAll(requests, BatchOptions{})
	if err != nil || len(items) == 0 {
		return nil, err
	}
	if err := w.look(ctx, items); err != nil {
		return nil, w.explained(err)
	}
	outcomes := make([]Outcome, len(items))
	for i, it := range items {
		if it.transition, it.verdict = decide(&it.prepared, &it.seen); it.verdict == nil {
			it.verdict = &Outcome{Result: it.result(0)}
		}
		outcomes[i] = *it.verdict
	}
	return outcomes, nil
}

// Possible says of each state whether a task or step could go there now, and what
// forbids the rest; the first value is the state that it is in. The error is a
// [Refusal] with [NotFound], an [Invalid], or says what failed in the database.
func (w *Writer) Possible(ctx context.Context, k statemachine.Kind, id int64) (string, []statemachine.Possibility, error) {
	if err := checkEntity(k, id); err != nil {
		return "", nil, err
	}
	r := &Request{Kind: k, ID: id}
	for _, t := range statemachine.Of(k).Transitions() {
		if t.Guard != statemachine.NoGuard {
			r.To = t.To // so that what its guard asks about is read
		}
	}
	it := &item{prepared: prepared{request: r, machine: statemachine.Of(k)}}
	if err := w.look(ctx, []*item{it}); err != nil {
		return "", nil, w.explained(err)
	}
	if !it.seen.exists {
		return "", nil, unknown(k, id)
	}
	return statemachine.Current(it.seen.state), it.machine.Possible(it.seen.state, it.seen.facts), nil
}

// look reads what there is to be known of items.
func (w *Writer) look(ctx context.Context, items []*item) error {
	conn, err := w.o.Pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer conn.Release()
	s := &session{w: w, conn: conn.Conn()}
	defer s.rollback(ctx)
	return s.look(ctx, items)
}

// checkEntity refuses what is the id of nothing.
func checkEntity(k statemachine.Kind, id int64) error {
	c := checker{}
	c.entity(k, id)
	return invalid(c.problems)
}

func unknown(k statemachine.Kind, id int64) *Refusal {
	return &Refusal{Reason: NotFound, Kind: k, ID: id, detail: fmt.Sprintf("there is no such %s", k)}
}
