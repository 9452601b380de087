package writer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// perform carries items, sorted by their locks and few enough for one
// transaction, to their outcomes. What somebody else was faster with is tried
// again a little later, the rest at once without it; together, all of it again.
//
// An error is one of the database, or of the caller's, that is not about single
// items; those without an outcome by then were not written.
func (w *Writer) perform(ctx context.Context, items []*item, together bool) error {
	wait := &backoff.ExponentialBackOff{InitialInterval: w.o.RetryMin, MaxInterval: w.o.RetryMax, Multiplier: 2, RandomizationFactor: 0.5}
	wait.Reset()
	now, later := items, []*item(nil)
	for {
		lost, err := w.attempt(ctx, now, together)
		switch {
		case err != nil && !w.passing(err):
			return doubtful(slices.Concat(now, later), err)
		case err != nil || together && len(lost) > 0:
			later = append(later, tried(now, err)...)
			now = nil
		default:
			later = append(later, tried(lost, nil)...)
			now = slices.DeleteFunc(slices.Clone(now), func(it *item) bool { return it.done || slices.Contains(lost, it) })
		}
		if len(now) > 0 {
			continue
		}
		later, err = w.exhausted(later, together)
		if err != nil || len(later) == 0 {
			return err
		}
		if err := sleep(ctx, wait.NextBackOff()); err != nil {
			return doubtful(later, fmt.Errorf("waiting for another attempt: %w", err))
		}
		w.counts.retries.Add(1)
		slices.SortFunc(later, compareLocks)
		now, later = later, nil
	}
}

// tried counts an attempt that did not end items.
func tried(items []*item, err error) []*item {
	for _, it := range items {
		it.tries++
		it.last = err
	}
	return items
}

// exhausted ends the items that have been tried often enough; together, all of
// them, when one has. The error is the database's, where it was the reason.
func (w *Writer) exhausted(items []*item, together bool) (left []*item, err error) {
	for _, it := range items {
		switch {
		case it.tries < w.o.MaxTries:
			left = append(left, it)
		case it.last == nil || race(it.last):
			refusal := refuse(it.request, Lost, "other writers were faster, or held it, at each of %d attempts", it.tries)
			refusal.Tries, refusal.cause = it.tries, it.last
			w.finish(it, Outcome{Err: refusal})
		default:
			err = doubtful(items, fmt.Errorf("after %d attempts: %w", it.tries, it.last))
		}
	}
	if together && len(left) < len(items) && err == nil {
		w.abandon(left)
		left = nil
	}
	return left, err
}

// doubtful ends the items of which it is not known whether they were committed,
// and passes the error on.
func doubtful(items []*item, err error) error {
	for _, it := range items {
		if it.doubt == "" || it.done {
			continue
		}
		refusal := refuse(it.request, InDoubt, "the connection was lost while committing, and whether that was done could not be found out; look at its history")
		refusal.Tries, refusal.cause = it.tries, err
		it.end(Outcome{Err: refusal})
	}
	return err
}

// abandon ends the items that were not written because of others.
func (w *Writer) abandon(items []*item) {
	for _, it := range items {
		w.finish(it, Outcome{Err: refuse(it.request, Abandoned, "others of its batch were refused, and it was to be all or nothing")})
	}
}

// finish ends an item and counts it.
func (w *Writer) finish(it *item, o Outcome) {
	it.end(o)
	var refusal *Refusal
	switch {
	case errors.As(o.Err, &refusal):
		w.counts.refused.Add(1)
		if refusal.Reason == Lost {
			w.counts.lost.Add(1)
		}
	case o.Result.Repeated:
		w.counts.repeated.Add(1)
	default:
		w.counts.transitions.Add(1)
	}
}

// attempt performs items in one transaction. When it returns neither lost items
// nor an error, all of them have their outcome; otherwise none has, and nothing
// was written, as far as is known.
func (w *Writer) attempt(ctx context.Context, items []*item, together bool) (lost []*item, err error) {
	conn, err := w.o.Pool.Acquire(ctx)
	if err != nil {
		return nil, &connectionError{fmt.Errorf("connecting: %w", err)}
	}
	defer conn.Release()
	s := &session{w: w, conn: conn.Conn()}
	defer func() {
		if err != nil && s.conn.IsClosed() {
			err = &connectionError{err}
		}
		s.rollback(ctx)
	}()
	if w.hooks.Begin != nil {
		if _, err := w.hooks.Begin(ctx, s.conn); err != nil {
			return nil, &callersError{err}
		}
	}
	if s.maybeQuick(items) {
		if done, err := s.quick(ctx, items[0]); done || err != nil {
			return nil, err
		}
	}
	if err := s.lock(ctx, items); err != nil {
		return nil, err
	}
	todo, err := s.decide(ctx, items)
	if err != nil {
		return nil, err
	}
	if together && slices.ContainsFunc(items, func(it *item) bool { return it.verdict != nil && it.verdict.Err != nil }) {
		w.conclude(items)
		w.abandon(todo)
		return nil, nil
	}
	if len(todo) == 0 {
		w.conclude(items)
		return nil, nil
	}
	if lost, err := s.write(ctx, todo); err != nil || len(lost) > 0 {
		return lost, err
	}
	return nil, s.finish(ctx, items, todo)
}

// decide gives each item its verdict, or its transition; todo are those to write.
func (s *session) decide(ctx context.Context, items []*item) (todo []*item, err error) {
	var planned []Planned
	for _, it := range items {
		it.transition, it.verdict = decide(&it.prepared, &it.seen)
		if it.seen.earlier == nil {
			it.doubt = "" // it was not committed, and the session that could have done so has ended
		}
		if it.verdict == nil {
			todo = append(todo, it)
			planned = append(planned, Planned{Request: it.request, Transition: it.transition, TransitionID: it.seen.recent, At: it.seen.at})
		}
	}
	if s.w.hooks.Check == nil || len(todo) == 0 {
		return todo, nil
	}
	vetoes, err := s.w.hooks.Check(ctx, s.conn, planned)
	if err != nil {
		return nil, s.callers(err)
	}
	if vetoes != nil && len(vetoes) != len(todo) {
		return nil, &callersError{fmt.Errorf("the check of %d transitions has given %d answers", len(todo), len(vetoes))}
	}
	return slices.DeleteFunc(todo, s.veto(todo, vetoes)), nil
}

func (s *session) veto(todo []*item, vetoes []error) func(*item) bool {
	for i, veto := range vetoes {
		if veto != nil {
			refusal := refuse(todo[i].request, Vetoed, "it was checked, and refused").in(&todo[i].seen)
			refusal.cause = veto
			todo[i].verdict = &Outcome{Err: refusal}
		}
	}
	return func(it *item) bool { return it.verdict != nil }
}

// finish commits, with what the caller adds, and ends the items.
func (s *session) finish(ctx context.Context, items, todo []*item) error {
	if s.w.hooks.Written != nil {
		results := make([]Result, len(todo))
		for i, it := range todo {
			results[i] = it.result(0)
		}
		if err := s.w.hooks.Written(ctx, s.conn, results); err != nil {
			return s.callers(err)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	lsn, err := s.commit(ctx, &pgx.Batch{})
	return s.ended(items, todo, lsn, err)
}

// ended gives the items their outcomes after a COMMIT.
func (s *session) ended(items, todo []*item, lsn tasker.LSN, err error) error {
	if errors.Is(err, errCommitLost) {
		s.w.counts.commitsInDoubt.Add(1)
		for _, it := range todo {
			it.doubt, it.doubtKey = s.xid, it.seen.sortKey+sortKeyStep
		}
	}
	if err != nil {
		return err
	}
	s.w.counts.transactions.Add(1)
	for _, it := range todo {
		s.w.finish(it, Outcome{Result: it.result(lsn)})
	}
	s.w.conclude(items)
	return nil
}

// conclude ends the items that have a verdict.
func (w *Writer) conclude(items []*item) {
	for _, it := range items {
		if it.verdict != nil && !it.done {
			w.finish(it, *it.verdict)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
