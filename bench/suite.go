package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/bench/matrix"
)

// Size is how large the data sets are and how long is measured.
type Size string

// The sizes. Quick shows that everything works, in about a minute; its figures
// are no claims. Default is what goals are stated for. Full is larger where a
// suite says so, and takes hours.
const (
	Quick   Size = "quick"
	Default Size = "default"
	Full    Size = "full"
)

// Case is one figure, or a few that are taken together.
type Case struct {
	Name    string
	What    string // what is measured
	Against string // beside what; empty: beside nothing
	Goal    Goal

	form   Form
	always bool            // comes first, even where others are asked for, and ends the run when it fails
	goals  map[string]Goal // of its subjects, on data of our own; nil: Goal is the case's
	own    bool            // needs data of our own
	slow   bool            // is left out in Quick
	run    func(ctx context.Context, l *lab, c *Case) ([]Result, error)
}

// Suite is a list of cases with a purpose.
type Suite struct {
	Name  string
	What  string
	Cases []Case
	// Budgeted suites keep to a time: see Options.Budget.
	Budgeted bool
}

// Suites are all suites.
func Suites() []Suite {
	return []Suite{claimSuite(), followSuite(), rowsSuite(), heldSuite(), shapesSuite(), writeSuite()}
}

// SuiteByName finds a suite; the error lists those that there are.
func SuiteByName(name string) (Suite, error) {
	var names []string
	for _, s := range Suites() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Suite{}, fmt.Errorf("there is no suite %q; there are: %s", name, strings.Join(names, ", "))
}

// Options says what is run. The zero value of a field means its default.
type Options struct {
	// Suite is the name of a suite. Defaults to claim.
	Suite string
	// Only restricts it to the cases whose name matches. Defaults to all.
	Only *regexp.Regexp
	// Size defaults to Default.
	Size Size
	// Rounds is how many samples are taken of each subject, 5 to 1000: fewer
	// cannot tell any two subjects apart. Defaults to 7, and to 5 for Quick and
	// for the suite claim.
	Rounds int
	// Budget is how long a run of the suite claim may take: cases that do not fit
	// in are reported as not measured. Defaults to a minute for Quick, ten for
	// Default, and to as long as it takes for Full.
	Budget time.Duration
	// Timeout cuts a question that takes longer, 1ms to 1h: it is reported as
	// longer than that. Defaults to 30 seconds, and to one for Quick.
	Timeout time.Duration
	// Database is a database that is there, which the suite claim asks instead
	// of one of its own. Defaults to none.
	Database *Given
	// Seed makes data sets repeatable. Defaults to 1.
	Seed uint64
	// BinDir is the directory of the PostgreSQL server's and client's binaries.
	// Defaults to where they are found.
	BinDir string
	// Progress is told what is being done; it is called from one goroutine.
	// Defaults to nobody.
	Progress func(Progress)

	double func(matrix.Subject) matrix.Subject // one more that answers, for tests
}

// Progress is where a run stands.
type Progress struct {
	Case  string
	Index int    // of the case, from 1
	Cases int    // how many there are
	Stage string // in words: what it is doing
}

func (o Options) withDefaults() (Options, error) {
	if o.Suite == "" {
		o.Suite = "claim"
	}
	if o.Size == "" {
		o.Size = Default
	}
	if o.Size != Quick && o.Size != Default && o.Size != Full {
		return o, fmt.Errorf("there is no size %q; there are: %s, %s, %s", o.Size, Quick, Default, Full)
	}
	if o.Rounds == 0 {
		o.Rounds = 7
		if o.Size == Quick || o.Suite == "claim" {
			o.Rounds = 5
		}
	}
	if o.Rounds < 5 || o.Rounds > 1000 {
		return o, fmt.Errorf("%d rounds: between 5 and 1000 are possible", o.Rounds)
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
		if o.Size == Quick {
			o.Timeout = time.Second
		}
	}
	if o.Timeout < time.Millisecond || o.Timeout > time.Hour {
		return o, fmt.Errorf("a timeout of %v: between 1ms and 1h are possible", o.Timeout)
	}
	if o.Budget < 0 {
		return o, fmt.Errorf("a budget of %v: it cannot be negative", o.Budget)
	}
	if o.Budget == 0 {
		o.Budget = map[Size]time.Duration{Quick: time.Minute, Default: 10 * time.Minute}[o.Size]
	}
	if o.Database != nil && o.Suite != "claim" {
		return o, fmt.Errorf("the suite %s has data of its own: only claim asks a database that is there", o.Suite)
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return o, nil
}

// Run runs a suite on a PostgreSQL of its own, which is gone afterwards. A case
// that fails is a result that says so, and the others go on. When ctx ends,
// the report has what was measured by then, and the error is ctx's. Without
// any report the error says what is wrong with the options or the machine.
func Run(ctx context.Context, o Options) (*Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	suite, err := SuiteByName(o.Suite)
	if err != nil {
		return nil, err
	}
	cases := suite.Cases
	if o.Database != nil {
		if o.Database, err = o.Database.withDefaults(); err != nil {
			return nil, err
		}
		cases = slices.DeleteFunc(slices.Clone(cases), func(c Case) bool { return c.own })
	} else if suite.Budgeted {
		cases = slices.DeleteFunc(slices.Clone(cases), func(c Case) bool { return c.slow && o.Size == Quick })
		if _, err := Estimate(o); err != nil {
			return nil, err
		}
	}
	if o.Only != nil {
		all := cases
		cases = nil
		for _, c := range all {
			if c.always || o.Only.MatchString(c.Name) {
				cases = append(cases, c)
			}
		}
		if !slices.ContainsFunc(cases, func(c Case) bool { return !c.always || o.Only.MatchString(c.Name) }) {
			return nil, fmt.Errorf("no case of the suite %s matches %q", suite.Name, o.Only)
		}
	}
	if !suite.Budgeted {
		o.Budget = 0
	}
	return runCases(ctx, o, cases)
}

func runCases(ctx context.Context, o Options, cases []Case) (*Report, error) {
	l := newLab(o)
	defer l.close()
	if _, err := l.given(ctx); err != nil {
		return nil, err
	}
	r := &Report{Results: []Result{}, Meta: Meta{
		Format: Format, Suite: o.Suite, Size: o.Size, StartedAt: time.Now().UTC(), Seed: o.Seed,
		Source: OwnServer, Machine: ThisMachine(), Versions: Versions{Go: runtime.Version(), Revision: revision()},
	}}
	within, cancel := o.within(ctx)
	defer cancel()
	var first error // why what has to come first did not end well
	for i := range cases {
		if ctx.Err() != nil || first != nil {
			break
		}
		c := &cases[i]
		l.stage = func(stage string) {
			o.Progress(Progress{Case: c.Name, Index: i + 1, Cases: len(cases), Stage: stage})
		}
		bounded := within
		if c.always {
			bounded = ctx // what is not compared is not to be timed
		}
		if bounded.Err() != nil {
			r.Results = append(r.Results, l.leftOut(c, nil)...)
			continue
		}
		results, err := l.runCase(bounded, c)
		r.Results = append(r.Results, results...)
		if c.always && ctx.Err() == nil {
			first = err
		}
	}
	if o.Database != nil {
		r.Meta.Source = GivenDatabase
	}
	r.Meta.Versions.Postgres, r.Meta.Settings = l.describe(context.WithoutCancel(ctx))
	r.Meta.FinishedAt = time.Now().UTC()
	r.Meta.Interrupted = ctx.Err() != nil
	return r, errors.Join(first, ctx.Err())
}

// within bounds a run by its budget.
func (o Options) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if o.Budget == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, o.Budget, fmt.Errorf("the budget of %v was used up", o.Budget))
}

// leftOut are the results of a case for which no time was left: one for each
// goal that those that are there do not have, or one for the case.
func (l *lab) leftOut(c *Case, there []Result) (all []Result) {
	add := func(r Result) {
		r.Notes, r.Verdict = []string{l.usedUp()}, NotMeasured
		r.At = time.Now().UTC()
		all = append(all, r)
	}
	if l.o.Database == nil {
		for _, subject := range slices.Sorted(maps.Keys(c.goals)) {
			r, goal := l.result(c), c.goals[subject]
			r.Name, r.Subject, r.By, r.Goal = c.Name+"/"+subject, subject, subject, &goal
			if !slices.ContainsFunc(there, func(one Result) bool { return one.By == subject }) {
				add(r)
			}
		}
	}
	if len(all)+len(there) == 0 {
		add(l.result(c))
	}
	return all
}

func (l *lab) usedUp() string {
	return fmt.Sprintf("not measured: the budget of %v was used up", l.o.Budget)
}

// runCase gives the results of a case, judged; a failure is one of them. What
// an interruption leaves behind is dropped unless it has samples.
func (l *lab) runCase(ctx context.Context, c *Case) ([]Result, error) {
	start := time.Now()
	results, err := c.run(ctx, l, c)
	interrupted := ctx.Err() != nil
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			for i := range results {
				if r := &results[i]; len(r.Samples) == 0 && r.Ending == nil && r.Error == "" && r.Verdict != NotMeasured {
					r.Verdict, r.Notes = NotMeasured, append(r.Notes, l.usedUp())
				}
			}
			results = append(results, l.leftOut(c, results)...)
		}
		results = slices.DeleteFunc(results, func(r Result) bool {
			return len(r.Samples) == 0 && r.Ending == nil && r.Error == "" && r.Verdict != NotMeasured
		})
		if !interrupted && ctx.Err() == nil {
			failed := l.result(c)
			failed.Error = err.Error()
			results = append(results, failed)
		}
	}
	for i := range results {
		r := &results[i]
		if r.At = start.UTC(); r.Verdict == NotMeasured {
			continue
		}
		if interrupted && len(r.Samples) < l.o.Rounds {
			r.Notes = append(r.Notes, fmt.Sprintf("interrupted after %d rounds", len(r.Samples)))
		}
		r.Judge(c.form)
		if err != nil && len(r.Samples) < l.o.Rounds && (r.Verdict == Reached || r.Verdict == Missed) {
			r.Verdict = Undecided
		}
		r.Took = time.Since(start).Seconds()
	}
	return results, err
}

// result is a result of the case without its samples.
func (l *lab) result(c *Case) Result {
	goal := c.Goal
	r := Result{Name: c.Name, What: c.What, Subject: c.What, Baseline: c.Against, Seed: l.o.Seed, Better: Lower}
	if goal != (Goal{}) {
		r.Goal = &goal
	}
	return r
}
