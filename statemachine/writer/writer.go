package writer

import (
	"context"
	"fmt"
)

// Writer performs transitions. It is safe for concurrent use.
type Writer struct {
	o      Options
	sql    map[kind]*statements
	hooks  Hooks
	counts *counters
}

// New makes a writer; it does not connect. The error says everything that is
// wrong with the options.
func New(o Options) (*Writer, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("these options of a writer cannot be right: %w", err)
	}
	return &Writer{o: o, sql: render(o.Schema), counts: new(counters)}, nil
}

// With gives a writer whose transactions have the hooks, and those alone. It
// shares everything else.
func (w *Writer) With(h Hooks) *Writer {
	other := *w
	other.hooks = h
	return &other
}

// Tuned gives a writer with other options, which counts together with w. Pool and
// Schema stay as they were; w goes on as it is with what it has begun.
func (w *Writer) Tuned(o Options) (*Writer, error) {
	o.Pool, o.Schema = w.o.Pool, w.o.Schema
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("these options of a writer cannot be right: %w", err)
	}
	other := *w
	other.o = o
	return &other, nil
}

// Counters are the figures so far.
func (w *Writer) Counters() Counters { return w.counts.read() }

// Transition performs one transition. The error is an [Invalid] or a [Refusal],
// after which nothing was written (but for [InDoubt]), or says what failed in the
// database, after which nothing was either.
//
// It returns once the transition is committed; when ctx ends before that, it is
// not made.
func (w *Writer) Transition(ctx context.Context, r Request) (Result, error) {
	p, problems := prepare(&r, "")
	if err := invalid(problems); err != nil {
		return Result{}, err
	}
	it := &item{prepared: p}
	if err := w.perform(ctx, []*item{it}, false); err != nil && !it.done {
		return Result{}, w.explained(err)
	}
	return it.outcome.Result, it.outcome.Err
}
