package bench

import (
	"context"
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/bench/matrix"
)

// results makes a result of each side but the one that the others are compared
// with, which has one of its own only where it has no answer, or where a
// database was given, whose owner wants to know.
func (a *arena) results(l *lab, c cells, sides []*side, rate float64, again bool) (results []Result) {
	var engine *side
	if len(sides) > 0 && sides[0].subject.Name() == matrix.Engine {
		engine = sides[0]
	}
	for _, s := range sides {
		if s != engine || !again && (s.ending != nil || a == l.real) {
			results = append(results, a.result(l, c, s, engine, rate))
		}
	}
	return results
}

func (a *arena) result(l *lab, c cells, s, engine *side, rate float64) Result {
	name, q := s.subject.Name(), c.question
	r := Result{
		Name: q.Name + c.suffix + "/" + name, What: q.What + c.about + ", " + name, Subject: name, Question: q.Name, By: name,
		Unit: "ns/op", Better: Lower, Dataset: a.words, Seed: l.o.Seed, Samples: s.client, Ending: s.ending, Latency: latency(s.closed), Cost: s.costs(),
	}
	if q.Form == matrix.Batch {
		r.What += fmt.Sprintf(", %d of them", min(a.batch, len(a.tasks)))
	}
	if goal, ok := c.goals[name]; ok {
		r.Goal = &goal
	}
	byServer := len(s.server) > 0 && len(s.server) == len(s.client)
	if engine != nil && engine != s {
		byServer = byServer && (engine.ending != nil || len(engine.server) == len(engine.client))
		r.Baseline, r.BaselineEnding = "the engine's own", engine.ending
		if q.RowsSQL != "" {
			r.Baseline = "the engine's batch function over all tasks"
		}
		if engine.ending == nil {
			r.BaselineSamples, r.BaselineLatency, r.BaselineCost = engine.client, latency(engine.closed), engine.costs()
			if byServer {
				r.BaselineSamples = engine.server
			}
			rounds := min(len(r.Samples), len(r.BaselineSamples)) // an interruption leaves one side short
			r.BaselineSamples = r.BaselineSamples[:rounds]
			if byServer {
				r.Samples = s.server
			}
			r.Samples = r.Samples[:rounds]
		}
	}
	if byServer {
		r.Samples = s.server[:len(r.Samples)]
		r.What = "server time of " + r.What
	}
	if rate > 0 && s.ending == nil {
		r.Open = &OpenLoop{RatePerSecond: rate, Latency: latency(s.open)}
		if engine != nil && engine != s && engine.ending == nil {
			r.Open.Baseline = latency(engine.open)
		}
	}
	return r
}

// fallBacks counts how many answers of the one side that answers from rows have
// come from there. Where more than one in a hundred has not, its times are
// another one's, and are not reported as its own.
func (a *arena) fallBacks(ctx context.Context, q *matrix.Question, sides []*side, counters *answerCounters, results []Result) error {
	for _, s := range sides {
		d, ok := s.subject.(*matrix.Database)
		if !ok || !d.Counts(q) || counters == nil || s.ending != nil {
			continue
		}
		d.Close() // which makes its counts known
		if err := counters.gone(ctx, d.PID()); err != nil {
			return err
		}
		counted, err := counters.counted(ctx, s.asked)
		if err != nil {
			return err
		}
		for i := range results {
			if r := &results[i]; r.By == d.Name() {
				r.FallBacks = counted
				r.Error = counted.refuse(s.asked)
				if counted.Answers > int64(s.asked) {
					r.FallBacks = nil // they are others', too
				}
			}
		}
	}
	return nil
}

// unchecked takes away the figures of which it is not known whether they are
// ones of answers from rows, for nobody came to look.
func unchecked(q *matrix.Question, results []Result, why error) {
	for i := range results {
		r := &results[i]
		if !q.FromRows || r.By != matrix.Fast && r.By != matrix.Wait || r.Ending != nil {
			continue
		}
		*r = Result{
			Name: r.Name, What: r.What, Subject: r.Subject, Question: r.Question, By: r.By, Baseline: r.Baseline, Unit: r.Unit, Better: r.Better,
			Dataset: r.Dataset, Seed: r.Seed, Goal: r.Goal, Verdict: NotMeasured,
			Notes: []string{"not measured: where its answers came from was not looked at: " + why.Error()},
		}
	}
}
