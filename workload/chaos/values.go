package chaos

import (
	"fmt"
	"strings"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Ids that exist after the base, of the tables with names.
const (
	namespaces = 3
	namedTasks = 5
	namedSteps = 8
)

func (g *generator) task() int      { return 1 + g.IntN(g.Tasks) }
func (g *generator) step() int      { return 1 + g.IntN(g.Steps) }
func (g *generator) edge() int      { return 1 + g.IntN(3*g.Steps) }
func (g *generator) taskMove() int  { return 1 + g.IntN(6*g.Tasks) }
func (g *generator) stepMove() int  { return 1 + g.IntN(8*g.Steps) }
func (g *generator) namedTask() int { return g.missing(namedTasks) }
func (g *generator) namedStep() int { return g.missing(namedSteps) }
func (g *generator) namespace() int { return g.missing(namespaces) }

// missing is an id that mostly exists; one that does not is refused unless
// foreign keys are off.
func (g *generator) missing(existing int) int {
	if g.one(15) {
		return existing + 1 + g.IntN(3)
	}
	return 1 + g.IntN(existing)
}

func (g *generator) bool() string { return choose(g, "true", "false") }

// state is mostly one of the machine's.
func (g *generator) state() string {
	switch g.IntN(12) {
	case 0:
		return choose(g, "'skipped'", "''", "'Complete'", "'complete '", "'failed'", "'a state with a '' in it'", "'zustände'")
	case 1:
		if g.one(4) { // stored out of line, and still short enough for the indexes
			return fmt.Sprintf("(SELECT string_agg(md5(i::text || '%d'), '') FROM generate_series(1, 75) i)", g.IntN(3))
		}
	}
	return "'" + choose(g, tasker.Pending, tasker.InProgress, tasker.Complete, tasker.Complete, tasker.Error, tasker.Error,
		tasker.Cancelled, tasker.ResolvedManually) + "'"
}

// instant is a time; only with Now it may be one on which an answer turns soon.
func (g *generator) instant() string {
	if !g.Now.IsZero() && g.one(2) {
		return "'" + g.Now.Add(time.Duration(g.IntN(120_000_000)-60_000_000)*time.Microsecond).UTC().Format("2006-01-02 15:04:05.999999") + "'"
	}
	switch g.IntN(10) {
	case 0:
		return "'infinity'"
	case 1:
		return "'-infinity'"
	case 2, 3, 4:
		return fmt.Sprintf("'2090-%02d-%02d 10:00:00.%06d'", 1+g.IntN(12), 1+g.IntN(28), g.IntN(1_000_000))
	}
	return fmt.Sprintf("'2020-%02d-%02d 23:59:59.%06d'", 1+g.IntN(12), 1+g.IntN(28), g.IntN(1_000_000))
}

func (g *generator) nullable(value string) string {
	if g.one(4) {
		return "NULL"
	}
	return value
}

func (g *generator) attempts() string {
	if g.Overflow && g.one(15) {
		return choose(g, "44", "100", "2147483647")
	}
	return g.nullable(choose(g, "0", "0", "1", "1", "2", "3", "4", "5", "12", "43", "-1"))
}

func (g *generator) limit() string {
	return g.nullable(choose(g, "3", "3", "3", "0", "1", "2", "10", "-1", "2147483647"))
}

func (g *generator) backoff() string {
	return g.nullable(choose(g, "0", "1", "30", "3600", "-5", "2147483647"))
}

func (g *generator) sortKey() int { return 10 * (1 + g.IntN(8)) }

// stepColumn is an assignment to one of a step's columns.
func (g *generator) stepColumn() string {
	switch g.IntN(12) {
	case 0:
		return "retryable = " + g.bool()
	case 1:
		return "retry_limit = " + g.limit()
	case 2:
		return "in_process = " + g.bool()
	case 3:
		return "processed = " + g.bool()
	case 4:
		return "processed_at = " + g.nullable(g.instant())
	case 5, 6:
		return "attempts = " + g.attempts()
	case 7:
		return "last_attempted_at = " + g.nullable(g.instant())
	case 8:
		return "backoff_request_seconds = " + g.backoff()
	case 9:
		return "created_at = " + g.instant()
	case 10:
		return "named_step_id = " + fmt.Sprint(g.namedStep())
	}
	return "updated_at = " + g.instant() // not followed
}

// several joins one to three different assignments.
func (g *generator) several(one func() string) string {
	var all []string
	seen := map[string]bool{}
	for range 1 + g.IntN(3) {
		a := one()
		if column, _, _ := strings.Cut(a, " "); !seen[column] {
			seen[column] = true
			all = append(all, a)
		}
	}
	return strings.Join(all, ", ")
}

// pair is the two ends of an edge; without cycles the lower id first.
func (g *generator) pair() (from, to int) {
	from, to = g.step(), g.step()
	if g.Cycles {
		return from, to
	}
	for from == to {
		to = g.step()
	}
	return min(from, to), max(from, to)
}
