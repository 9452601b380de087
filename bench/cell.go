package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/bench/matrix"
)

// cells is a row of the matrix, or a part of it: a question to several subjects
// about one database, the first of whom the others are compared with.
type cells struct {
	question *matrix.Question
	suffix   string // behind the question's name, such as -16
	about    string // behind its words
	goals    map[string]Goal
}

// groups are the subjects that are asked in the same rounds. The database counts
// where answers came from for all sessions together, so only one of those that
// answer from rows may be among them.
var groups = [][]string{
	{matrix.Engine, matrix.Exact, matrix.Fast, matrix.OverHTTP, matrix.InProcess},
	{matrix.Engine, matrix.Wait},
}

// measureCells measures a question with all subjects that are there and can
// answer it.
func (l *lab) measureCells(ctx context.Context, a *arena, c cells) ([]Result, error) {
	if err := a.ready(ctx); err != nil {
		return nil, err
	}
	if a == l.real {
		c.goals = nil // they are for our own data, on our own machine
	}
	var results []Result
	for i, group := range groups {
		got, err := l.measureGroup(ctx, a, c, among(group, a.names), i > 0)
		results = append(results, got...)
		if err != nil {
			return results, err
		}
	}
	return results, nil
}

func among(names, there []string) (both []string) {
	for _, name := range names {
		for _, other := range there {
			if name == other {
				both = append(both, name)
			}
		}
	}
	return both
}

// measureGroup does it in rounds in which each of them begins in turn.
func (l *lab) measureGroup(ctx context.Context, a *arena, c cells, names []string, again bool) ([]Result, error) {
	q := c.question
	subjects, err := a.openAll(ctx, names)
	if err != nil {
		return nil, err
	}
	defer a.closeAll(subjects)
	var sides []*side
	for _, s := range a.can(q, subjects) {
		sides = append(sides, a.side(s, q))
	}
	if again && len(sides) < 2 {
		return nil, nil // nobody but the one that was measured before
	}
	var counters *answerCounters
	if a.counters != "" {
		if counters, err = countAnswers(ctx, a.counters, a.ended...); err != nil {
			return nil, err
		}
		defer counters.close()
		a.ended = nil
	}
	err = l.rotate(ctx, a, c, sides)
	var rate float64
	if err == nil {
		rate, err = l.arrivals(ctx, a, q, sides)
	}
	results := a.results(l, c, sides, rate, again)
	if err == nil {
		err = a.fallBacks(ctx, q, sides, counters, results)
	}
	if err != nil {
		unchecked(q, results, err)
	}
	return results, err
}

func (a *arena) side(s matrix.Subject, q *matrix.Question) *side {
	one := &side{subject: s, closed: NewRecorder(), open: NewRecorder(), chunk: 1}
	if e := a.findings.Ending(s.Name(), q.Name); e != nil {
		one.ending = &Ending{Fails: e.Fails}
		if e.Cut {
			one.ending = cutAfter(a.options.Timeout, q, len(a.questions), e.Asked)
		}
	}
	if d, ok := s.(*matrix.Database); ok && a.clock != nil && a.clock.statements {
		one.meter = &meter{conn: a.clock.conn, sql: d.Statement(q)}
		if a.local {
			one.meter.pid = d.PID()
		}
	}
	return one
}

// rotate takes the rounds.
func (l *lab) rotate(ctx context.Context, a *arena, c cells, sides []*side) error {
	least := l.least()
	for round := range l.o.Rounds + 1 {
		l.round(round, l.o.Rounds)
		for i := range sides {
			s := sides[(i+round)%len(sides)]
			if s.ending != nil {
				continue
			}
			err := s.round(ctx, a, c.question, least, round == 0)
			if cut(err) && ctx.Err() == nil {
				s.ending = cutAfter(a.options.Timeout, c.question, len(a.questions), a.findings.Asked(s.subject.Name(), c.question.Name)+s.asked)
				err = nil
			}
			if err != nil {
				return fmt.Errorf("%s, %s: %w", c.question.Name, s.subject.Name(), err)
			}
		}
	}
	return nil
}

// The open loop runs at half of what the slowest could do, and not at all where
// that is so little that its quantiles would say nothing.
const (
	openShare  = 0.5
	fewestOpen = 20
	mostOpen   = 2000 // a second
)

// arrivals runs the open loop of all sides at one rate; 0: it was not run.
func (l *lab) arrivals(ctx context.Context, a *arena, q *matrix.Question, sides []*side) (rate float64, err error) {
	rate = mostOpen
	if a.rate > 0 {
		rate = min(rate, a.rate)
	}
	for _, s := range sides {
		if s.ending == nil {
			rate = min(rate, openShare*1e9/Median(s.client))
		}
	}
	duration := 2 * l.least()
	if rate*duration.Seconds()*float64(l.o.Rounds) < fewestOpen {
		return 0, nil
	}
	l.stage("questions that arrive at a rate")
	for round := range l.o.Rounds {
		for i := range sides {
			if s := sides[(i+round)%len(sides)]; s.ending == nil {
				if err := s.arrive(ctx, a, q, rate, duration); err != nil {
					return rate, fmt.Errorf("%s, %s: %w", q.Name, s.subject.Name(), err)
				}
			}
		}
	}
	return rate, nil
}

// least is how long one subject is asked in a round.
func (l *lab) least() time.Duration {
	switch l.o.Size {
	case Quick:
		return 10 * time.Millisecond
	case Full:
		return time.Second
	}
	return 200 * time.Millisecond
}
