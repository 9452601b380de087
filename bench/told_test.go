package bench

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/bench/matrix"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
)

// What somebody says to have answered from rows is no figure before that is
// known.
func TestNoFigureUncheckedWhereItCameFrom(t *testing.T) {
	q := matrix.QuestionByName("step-readiness")
	for _, why := range []error{context.Canceled, context.DeadlineExceeded, errors.New("the engine is gone")} {
		results := []Result{
			{Name: "a/fast", By: matrix.Fast, Samples: []float64{1, 2}, BaselineSamples: []float64{3, 4}, Goal: &Goal{AtLeast: 2}, Latency: &Latency{}},
			{Name: "a/exact", By: matrix.Exact, Samples: []float64{1, 2}},
		}
		unchecked(q, results, why)
		fast, exact := results[0], results[1]
		if fast.Verdict != NotMeasured || fast.Samples != nil || fast.BaselineSamples != nil || fast.Latency != nil || fast.Goal == nil || !strings.Contains(fast.Notes[0], why.Error()) {
			t.Errorf("%+v", fast)
		}
		if len(exact.Samples) != 2 || exact.Verdict != "" {
			t.Errorf("%+v", exact)
		}
	}
}

func TestFallBacksOfOthersCannotBeTold(t *testing.T) {
	for name, c := range map[string]struct {
		counted FallBacks
		given   int
		want    string
	}{
		"all from rows":     {FallBacks{Answers: 1000, FromRows: 1000}, 1000, ""},
		"too many are not":  {FallBacks{Answers: 1000, FromRows: 900}, 1000, "100 of 1000 answers"},
		"somebody else too": {FallBacks{Answers: 5000, FromRows: 5000}, 1000, "cannot be told"},
	} {
		got := c.counted.refuse(c.given)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// One slow task says nothing of the others.
func TestCutOnSomeIsNoBound(t *testing.T) {
	q := matrix.QuestionByName("dependency-levels")
	if e := cutAfter(30*time.Second, q, 1, 1); !e.whole() || e.String() != "> 30 s" {
		t.Errorf("one task, cut: %s", e)
	}
	if e := cutAfter(30*time.Second, matrix.QuestionByName("health-counts"), 1000, 1); !e.whole() {
		t.Errorf("one question, cut: %s", e)
	}
	for _, e := range []*Ending{cutAfter(30*time.Second, q, 1000, 1), cutAfter(30*time.Second, q, 1000, 57), cutAfter(30*time.Second, q, 1, 9)} {
		r := Result{Samples: []float64{1, 1, 1, 1, 1}, Better: Lower, Goal: &Goal{AtLeast: 2}, BaselineEnding: e}
		if r.Judge(Advantage); r.Ratio != nil || r.Verdict != Undecided {
			t.Errorf("%s: %s, %v", e, r.Verdict, r.Ratio)
		}
	}
	if e := cutAfter(30*time.Second, q, 1000, 57); e.String() != "> 30 s on 1 of 57 asked" {
		t.Errorf("%s", e)
	}
}

// Fewer rounds than were to be taken reach nothing and miss nothing.
func TestInterruptedCaseIsUndecided(t *testing.T) {
	o, err := Options{Size: Quick}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	half := Case{Name: "half", run: func(ctx context.Context, _ *lab, _ *Case) ([]Result, error) {
		cancel()
		return []Result{
			{Name: "low", Samples: []float64{1, 1}, Goal: &Goal{AtMost: 5}}, {Name: "high", Samples: []float64{9, 9}, Goal: &Goal{AtMost: 5}},
		}, ctx.Err()
	}}
	r, err := runCases(ctx, o, []Case{half})
	if !errors.Is(err, context.Canceled) || len(r.Results) != 2 {
		t.Fatalf("%v, %+v", err, r)
	}
	for _, one := range r.Results {
		if one.Verdict != Undecided {
			t.Errorf("%s is %s", one.Name, one.Verdict)
		}
	}
}

// Whoever had a goal and was not asked in time is named.
func TestNotMeasuredInTimeHasItsGoal(t *testing.T) {
	c := Case{Name: "a", goals: map[string]Goal{matrix.Fast: {AtLeast: 3}, matrix.InProcess: {AtLeast: 200}}}
	c.run = func(ctx context.Context, _ *lab, _ *Case) ([]Result, error) {
		<-ctx.Done()
		return []Result{{Name: "a/fast", By: matrix.Fast, Goal: &Goal{AtLeast: 3}}}, ctx.Err()
	}
	after := c
	after.Name = "b"
	r, err := runCases(t.Context(), Options{Size: Quick, Budget: time.Millisecond, Rounds: 5, Progress: func(Progress) {}}, []Case{c, after})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range r.Results {
		if one.Verdict != NotMeasured || one.Goal == nil || len(one.Notes) == 0 {
			t.Errorf("%+v", one)
		}
		names = append(names, one.Name)
	}
	if got := strings.Join(names, " "); got != "a/fast a/process b/fast b/process" {
		t.Errorf("%s", got)
	}
	if s := r.Summary().String(); s != "Of 4 goals 0 are reached; 4 not measured: a/fast, a/process, b/fast, b/process." {
		t.Errorf("%s", s)
	}
}

func TestSummaryNamesEveryGoal(t *testing.T) {
	goal := &Goal{AtLeast: 2}
	r := Report{Results: []Result{
		{Name: "a", Goal: goal, Verdict: Reached}, {Name: "b", Goal: goal, Verdict: Failed}, {Name: "c", Goal: goal, Verdict: NotMeasured},
		{Name: "d", Goal: goal, Verdict: NoAnswer}, {Name: "e", Goal: goal, Verdict: NoGoal}, {Name: "f", Verdict: NoAnswer},
	}}
	want := "Of 5 goals 1 is reached; 1 without a figure, for the case failed: b; 1 not measured: c; 2 without an answer, or without one to compare with: d, e."
	if got := r.Summary().String(); got != want {
		t.Errorf("%s", got)
	}
}

// A busy machine is forgiven in Quick as long as most came from rows.
func TestQuickForgivesFewFallBacks(t *testing.T) {
	for fromRows, want := range map[int64]bool{0: false, 49: false, 50: true, 90: true} {
		r := Report{Meta: Meta{Size: Quick}, Results: []Result{{Error: "did not come from rows", Verdict: Failed, FallBacks: &FallBacks{Answers: 100, FromRows: fromRows}}}}
		if r.Passed() != want {
			t.Errorf("%d of 100 from rows: passed is %v", fromRows, !want)
		}
	}
}

// A round in which one question was cut has no mean, and is none of a bound.
func TestBaselineCutInSomeRounds(t *testing.T) {
	for name, c := range map[string]struct {
		cuts, answered int
		samples        int
		verdict        Verdict
		ratio          bool
	}{
		"never": {0, 70, 5, Reached, true}, "always": {5, 0, 0, Reached, true}, "in one round": {1, 60, 0, Undecided, false},
	} {
		r := Result{Samples: []float64{1, 1, 1, 1, 1}, BaselineSamples: []float64{9, 9, 9, 9, 9}, Better: Lower, Goal: &Goal{AtLeast: 2}}
		r.baselineCut(time.Second, c.cuts, c.answered)
		if r.Judge(Advantage); len(r.BaselineSamples) != c.samples || r.Verdict != c.verdict || (r.Ratio != nil) != c.ratio {
			t.Errorf("%s: %s, %v, %v", name, r.Verdict, r.Ratio, r.BaselineSamples)
		}
	}
}

// What is followed leaves no publication behind, but for one that was there.
func TestGivenDatabaseIsFollowedWithoutATrace(t *testing.T) {
	url := testDatabase(t, 20)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, there := range []int{0, 1} {
		report, err := Run(t.Context(), Options{
			Size: Quick, Only: regexp.MustCompile("^task-context$"), Database: &Given{URL: url, Rate: 2000, Tasks: 10, Follow: &replication.Options{DatabaseURL: url, Publication: "ours"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(report.Results, func(r Result) bool { return r.By == matrix.InProcess && len(r.Samples) > 0 }) {
			t.Errorf("the index was not asked: %+v", report.Results)
		}
		var left int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_publication").Scan(&left); err != nil || left != there {
			t.Errorf("%d publications are there, %d were, %v", left, there, err)
		}
		if err := replication.EnsurePublication(t.Context(), conn, replication.PublicationOptions{Name: "ours", Schema: "public"}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNothingComparedIsAFailure(t *testing.T) {
	alone, two := &arena{names: []string{matrix.Engine}}, &arena{names: []string{matrix.Engine, matrix.Exact}}
	if enough([]*arena{alone, two}, 0) == nil {
		t.Error("nothing was compared, and all is well")
	}
	if err := errors.Join(enough([]*arena{two}, 1), enough([]*arena{alone}, 0)); err != nil {
		t.Error(err)
	}
}
