package bench

import (
	"context"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
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

	form Form
	run  func(ctx context.Context, l *lab, c *Case) ([]Result, error)
}

// Suite is a list of cases with a purpose.
type Suite struct {
	Name  string
	What  string
	Cases []Case
}

// Suites are all suites.
func Suites() []Suite {
	return []Suite{followSuite(), rowsSuite(), heldSuite(), shapesSuite(), writeSuite()}
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
	// Suite is the name of a suite. Defaults to follow.
	Suite string
	// Only restricts it to the cases whose name matches. Defaults to all.
	Only *regexp.Regexp
	// Size defaults to Default.
	Size Size
	// Rounds is how many samples are taken of each subject, 5 to 1000: fewer
	// cannot tell any two subjects apart. Defaults to 7, and to 5 for Quick.
	Rounds int
	// Seed makes data sets repeatable. Defaults to 1.
	Seed uint64
	// BinDir is the directory of the PostgreSQL server's and client's binaries.
	// Defaults to where they are found.
	BinDir string
	// Progress is told what is being done; it is called from one goroutine.
	// Defaults to nobody.
	Progress func(Progress)
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
		o.Suite = "follow"
	}
	if o.Size == "" {
		o.Size = Default
	}
	if o.Size != Quick && o.Size != Default && o.Size != Full {
		return o, fmt.Errorf("there is no size %q; there are: %s, %s, %s", o.Size, Quick, Default, Full)
	}
	if o.Rounds == 0 {
		o.Rounds = 7
		if o.Size == Quick {
			o.Rounds = 5
		}
	}
	if o.Rounds < 5 || o.Rounds > 1000 {
		return o, fmt.Errorf("%d rounds: between 5 and 1000 are possible", o.Rounds)
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
	if o.Only != nil {
		cases = nil
		for _, c := range suite.Cases {
			if o.Only.MatchString(c.Name) {
				cases = append(cases, c)
			}
		}
		if len(cases) == 0 {
			return nil, fmt.Errorf("no case of the suite %s matches %q", suite.Name, o.Only)
		}
	}
	return runCases(ctx, o, cases)
}

func runCases(ctx context.Context, o Options, cases []Case) (*Report, error) {
	l := newLab(o)
	defer l.close()
	r := &Report{Results: []Result{}, Meta: Meta{
		Format: Format, Suite: o.Suite, Size: o.Size, StartedAt: time.Now().UTC(), Seed: o.Seed,
		Source: OwnServer, Machine: ThisMachine(), Versions: Versions{Go: runtime.Version(), Revision: revision()},
	}}
	for i := range cases {
		if ctx.Err() != nil {
			break
		}
		c := &cases[i]
		l.stage = func(stage string) {
			o.Progress(Progress{Case: c.Name, Index: i + 1, Cases: len(cases), Stage: stage})
		}
		r.Results = append(r.Results, l.runCase(ctx, c)...)
	}
	r.Meta.Versions.Postgres, r.Meta.Settings = l.describe(context.WithoutCancel(ctx))
	r.Meta.FinishedAt = time.Now().UTC()
	r.Meta.Interrupted = ctx.Err() != nil
	return r, ctx.Err()
}

// runCase gives the results of a case, judged; a failure is one of them. What
// an interruption leaves behind is dropped unless it has samples.
func (l *lab) runCase(ctx context.Context, c *Case) []Result {
	start := time.Now()
	results, err := c.run(ctx, l, c)
	interrupted := ctx.Err() != nil
	if err != nil {
		results = slices.DeleteFunc(results, func(r Result) bool { return len(r.Samples) == 0 })
		if !interrupted {
			failed := l.result(c)
			failed.Error = err.Error()
			results = append(results, failed)
		}
	}
	for i := range results {
		r := &results[i]
		if interrupted {
			r.Notes = append(r.Notes, fmt.Sprintf("interrupted after %d rounds", len(r.Samples)))
		}
		r.Judge(c.form)
		r.At, r.Took = start.UTC(), time.Since(start).Seconds()
	}
	return results
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
