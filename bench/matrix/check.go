package matrix

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/sql/engine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// attempts is how often a question is put to both sides before it is left
// undecided, because the data keep changing in between.
const attempts = 5

// errSilent says that somebody says that it does not know.
var errSilent = errors.New("it says that it does not know")

// Ending is how a subject ended on a question without an answer.
type Ending struct {
	Fails string // what its function said; empty: it was cut
	Cut   bool   // after the timeout
	Asked int    // questions, the one on which it ended included
}

// Findings are what a check found out besides that there is no difference.
type Findings struct {
	// Compared counts answers that were compared and found the same.
	Compared int
	// Undecided counts those whose reference kept changing, and those that
	// somebody says not to have.
	Undecided int
	// Endings are those of a subject, by its name, on a question, by its name.
	Endings map[string]map[string]Ending

	asked map[[2]string]int // by subject and question
}

// Asked is how many different questions of a kind a subject was asked.
func (f *Findings) Asked(subject, question string) int { return f.asked[[2]string{subject, question}] }

func (f *Findings) ask(subject, question string) {
	if f.asked == nil {
		f.asked = map[[2]string]int{}
	}
	f.asked[[2]string{subject, question}]++
}

// Ending gives that of a subject on a question; nil: it answers.
func (f *Findings) Ending(subject, question string) *Ending {
	if e, ok := f.Endings[subject][question]; ok {
		return &e
	}
	return nil
}

func (f *Findings) end(subject, question string, e Ending) {
	if f.Endings == nil {
		f.Endings = map[string]map[string]Ending{}
	}
	if f.Endings[subject] == nil {
		f.Endings[subject] = map[string]Ending{}
	}
	e.Asked = f.Asked(subject, question)
	f.Endings[subject][question] = e
}

// Check puts a question with several args to all subjects that can answer it,
// and compares their answers with those of the first that does. A subject that
// fails or is cut is not asked again. Found out is added to findings. The error
// is a [*Difference], or why somebody cannot be asked.
func Check(ctx context.Context, q *Question, subjects []Subject, args []*Args, findings *Findings) error {
	for _, a := range args {
		for again := true; again; {
			var err error
			if again, err = checkOne(ctx, q, subjects, a, findings); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkOne asks once about something; again says that the reference has ended
// on it in the middle, so that the others need another one.
func checkOne(ctx context.Context, q *Question, subjects []Subject, a *Args, findings *Findings) (again bool, err error) {
	var reference Subject
	for _, s := range subjects {
		if !s.Can(q) || findings.Ending(s.Name(), q.Name) != nil {
			continue
		}
		var err error
		findings.ask(s.Name(), q.Name)
		if reference == nil {
			_, err = s.Answer(ctx, q, a)
		} else {
			err = same(ctx, q, reference, s, a, findings)
		}
		var theirs *referenceError
		if ending, ok := endingOf(ctx, err); ok {
			if errors.As(err, &theirs) {
				findings.end(reference.Name(), q.Name, ending)
				return true, nil
			}
			findings.end(s.Name(), q.Name, ending)
			continue
		}
		if errors.Is(err, errSilent) {
			findings.Undecided++
			continue
		}
		if err != nil {
			return false, err
		}
		if reference == nil {
			reference = s
		}
	}
	return false, nil
}

// referenceError is an error of whom the others are compared with.
type referenceError struct{ error }

func (e *referenceError) Unwrap() error { return e.error }

// endingOf says whether an error is that a function fails, or was cut.
func endingOf(ctx context.Context, err error) (Ending, bool) {
	var said *pgconn.PgError
	switch {
	case err == nil || ctx.Err() != nil:
		return Ending{}, false
	case errors.Is(err, engine.ErrTimedOut), errors.As(err, &said) && said.Code == pgerrcode.QueryCanceled:
		return Ending{Cut: true}, true
	case errors.Is(err, tasker.ErrFunctionFails):
		message := err.Error()
		if errors.As(err, &said) {
			message = said.Message
		}
		return Ending{Fails: message}, true
	}
	return Ending{}, false
}

// pause is how long is waited before the two are asked once more.
const pause = 20 * time.Millisecond

// same compares the answers of two. A difference counts where the reference,
// asked before and after, says the same, and still when both have been asked
// several times: what is answered from a copy may be a moment behind.
func same(ctx context.Context, q *Question, reference, s Subject, a *Args, findings *Findings) error {
	var last *Difference
	for attempt := range attempts {
		if err := wait(ctx, time.Duration(attempt)*pause); err != nil {
			return err
		}
		before, err := reference.Answer(ctx, q, a)
		if err != nil {
			return &referenceError{fmt.Errorf("%s, %s: %w", q.Name, reference.Name(), err)}
		}
		ours, err := s.Answer(ctx, q, a)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", q.Name, s.Name(), err)
		}
		last = compare(q, before, ours)
		if last == nil {
			findings.Compared++
			return nil
		}
		after, err := reference.Answer(ctx, q, a)
		if err != nil {
			return &referenceError{fmt.Errorf("%s, %s: %w", q.Name, reference.Name(), err)}
		}
		if compare(q, before, after) != nil {
			last = nil
		}
	}
	if last != nil {
		last.Question, last.Subject, last.Reference = q.Name, s.Name(), reference.Name()
		return last
	}
	findings.Undecided++
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// compare gives the first field in which two answers differ; nil: in none.
func compare(q *Question, theirs, ours []any) *Difference {
	for i := range max(len(theirs), len(ours)) {
		switch {
		case i >= len(theirs):
			return differs(ours[i], "row", "none", render(ours[i]))
		case i >= len(ours):
			return differs(theirs[i], "row", render(theirs[i]), "none")
		}
		if d := compareRows(q, theirs[i], ours[i]); d != nil {
			return d
		}
	}
	return nil
}

func compareRows(q *Question, theirs, ours any) *Difference {
	t, o := reflect.ValueOf(theirs), reflect.ValueOf(ours)
	for i := range t.NumField() {
		name := column(t.Type().Field(i))
		if slices.Contains(q.Ignore, name) {
			continue
		}
		a, b := t.Field(i).Interface(), o.Field(i).Interface()
		if !reflect.DeepEqual(a, b) {
			return differs(theirs, name, render(a), render(b))
		}
	}
	return nil
}
