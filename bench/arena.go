package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/bench/matrix"
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// arena is a database and everybody who can be asked about it.
type arena struct {
	words     string // what is in the database
	options   matrix.DatabaseOptions
	names     []string // of the subjects, the engine first
	tasks     []int64  // about which is asked, in that order
	steps     []int64  // one of each
	all       []int64  // every task
	batch     int      // tasks in a batch
	view      func() *readiness.View
	now       func() tasker.Timestamp
	address   string       // of the HTTP side
	clock     *serverClock // nil: the server's time is not known
	counters  string       // the database with tasker_sidecar's counters; empty: nobody answers from rows
	rate      float64      // questions a second at the most; 0: as they come
	next      time.Time    // when the next question may be asked, with a rate
	local     bool         // the server is on this machine, and /proc knows its processes
	findings  matrix.Findings
	ended     []uint32 // sessions that were closed, whose answers may not be counted yet
	questions []*matrix.Args
	close     func()
	only      string   // the one question for which it is there; empty: for all
	notes     []string // about who and what is not there
	// ready makes whoever answers from rows able to; it may have ended for
	// another data set.
	ready func(ctx context.Context) error
	// reach waits until the index has everything that is committed now.
	reach func(ctx context.Context) error
}

// open opens a subject.
func (a *arena) open(ctx context.Context, name string) (matrix.Subject, error) {
	switch name {
	case matrix.InProcess:
		return &matrix.Process{View: a.view, Now: a.now, Reach: a.reach}, nil
	case matrix.OverHTTP:
		s, err := matrix.Browse(ctx, a.address)
		if err != nil {
			return nil, err
		}
		s.Reach = a.reach
		return s, nil
	}
	return matrix.Connect(ctx, name, a.options)
}

// openAll opens several; whoever cannot be opened is an error.
func (a *arena) openAll(ctx context.Context, names []string) (all []matrix.Subject, err error) {
	for _, name := range names {
		s, err := a.open(ctx, name)
		if err != nil {
			a.closeAll(all)
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// can says who of them can answer a question here. Where not every task may be
// asked about, the engine cannot tell of all.
func (a *arena) can(q *matrix.Question, subjects []matrix.Subject) (some []matrix.Subject) {
	for _, s := range subjects {
		if s.Can(q) && (q.Name != "ready-steps" || s.Name() != matrix.Engine || a.all != nil) {
			some = append(some, s)
		}
	}
	return some
}

func (a *arena) closeAll(all []matrix.Subject) {
	for _, s := range all {
		s.Close()
		if d, ok := s.(*matrix.Database); ok {
			a.ended = append(a.ended, d.PID())
		}
	}
}

// anything is before all that is ever asked about.
var anything = tasker.TimestampOf(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))

// args are those of the i-th question: tasks all over the place, where each has
// to come from memory.
func (a *arena) args(i int) *matrix.Args { return a.questions[i%len(a.questions)] }

// mostArgs is how many different questions are asked.
const mostArgs = 20_000

func (a *arena) prepare() {
	a.questions = make([]*matrix.Args, min(len(a.tasks), mostArgs))
	for i := range a.questions {
		at := spread(i, len(a.tasks))
		a.questions[i] = &matrix.Args{Task: a.tasks[at], Step: a.steps[at], Tasks: a.tasks[:min(a.batch, len(a.tasks))], All: a.all, Since: anything, Limit: 100}
	}
}

// arena opens a data set of ours for everybody.
func (l *lab) arena(ctx context.Context, set *dataset) (*arena, error) {
	a, err := l.bareArena(ctx, set)
	if err == nil && a.counters == "" {
		a.names = []string{matrix.Engine, matrix.Exact, matrix.Fast, matrix.Wait, matrix.OverHTTP, matrix.InProcess}
		a.counters = set.url
		a.ready = func(ctx context.Context) error {
			_, err := l.project(ctx, set)
			return err
		}
	}
	return a, err
}

// bareArena opens one for all but those who answer from rows: none are written.
// The index is loaded once and does not follow any more, so that nothing but the
// question uses the processor.
func (l *lab) bareArena(ctx context.Context, set *dataset) (*arena, error) {
	if a := l.arenas[set]; a != nil {
		return a, nil
	}
	if err := l.install(ctx, set); err != nil {
		return nil, err
	}
	l.stage("load the index")
	f, err := follow(ctx, set.url, hooks{})
	if err != nil {
		return nil, err
	}
	view := f.view()
	f.stop()
	server, err := api.New(still{view}, patient)
	if err != nil {
		return nil, err
	}
	if err := server.Start(ctx); err != nil {
		return nil, err
	}
	stop := func() { _ = server.Stop(context.Background()) } // nobody depends on its last answers
	clock, err := newServerClock(ctx, set)
	if err != nil {
		stop()
		return nil, err
	}
	a := &arena{
		words: set.words, names: []string{matrix.Engine, matrix.Exact, matrix.OverHTTP, matrix.InProcess},
		options: matrix.DatabaseOptions{URL: set.socket, Timeout: l.o.Timeout}, batch: 5000,
		view: func() *readiness.View { return view }, now: func() tasker.Timestamp { return tasker.TimestampOf(time.Now()) },
		address: server.Addr(), clock: clock, local: true,
		ready: func(context.Context) error { return nil },
		close: func() { stop(); clock.close() },
	}
	view.Tasks(func(id int64) bool {
		a.all = append(a.all, id)
		return true
	})
	if err := a.sample(view, a.all); err != nil {
		a.close()
		return nil, fmt.Errorf("%s: %w", set.words, err)
	}
	if l.arenas == nil {
		l.arenas = map[*dataset]*arena{}
	}
	l.arenas[set] = a
	return a, nil
}

// sample takes the tasks that have steps as those to be asked about.
func (a *arena) sample(view *readiness.View, ids []int64) error {
	var facts []readiness.StepFacts
	for _, id := range ids {
		if facts = view.AppendStepFacts(facts[:0], id); len(facts) > 0 {
			a.tasks = append(a.tasks, id)
			a.steps = append(a.steps, facts[len(facts)-1].WorkflowStepID)
		}
	}
	if len(a.tasks) == 0 {
		return fmt.Errorf("no task has a step")
	}
	a.prepare()
	return nil
}
