package follow_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/verify"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload/chaos"
)

// Environment of the differential tests: how long each goes on, and the seed
// of the only program to run, as a failure prints it.
const (
	durationVariable = "TASKER_SIDECAR_TEST_DIFFERENTIAL"
	seedVariable     = "TASKER_SIDECAR_TEST_SEED"
)

// differentialTime is how long a differential test goes on.
func differentialTime(t *testing.T) time.Duration {
	text := os.Getenv(durationVariable)
	if text == "" {
		return 32 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("%s: %v", durationVariable, err)
	}
	return d
}

// TestDifferentialOneSession and TestDifferentialSeveralSessions play random
// transactions, legal and illegal ones, and compare the index with the
// database's functions at the quiet points between.
func TestDifferentialOneSession(t *testing.T)      { differential(t, 1) }
func TestDifferentialSeveralSessions(t *testing.T) { differential(t, 4) }

func differential(t *testing.T, sessions int) {
	labs := map[tasker.Rules]*lab{}
	in := func(rules tasker.Rules) *lab {
		if labs[rules] == nil {
			labs[rules] = newLab(t, rules, sessions)
		}
		return labs[rules]
	}
	if text := os.Getenv(seedVariable); text != "" {
		var seed uint64
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
		check(t, in, seed, sessions)
		return
	}
	end := time.Now().Add(differentialTime(t))
	var total outcome
	for time.Now().Before(end) && !t.Failed() {
		total.add(check(t, in, rand.Uint64N(1<<32), sessions))
	}
	if total.programs == 0 || total.compared < 5*total.programs || total.whole == 0 || total.ready == 0 || total.committed == 0 {
		t.Errorf("too little was compared: %+v", total)
	}
	t.Logf("%+v", total)
}

// outcome is what was compared.
type outcome struct {
	programs, committed, refused int
	compared, whole              int
	ready, failing               int
}

func (o *outcome) add(p outcome) {
	o.programs += p.programs
	o.committed += p.committed
	o.refused += p.refused
	o.compared += p.compared
	o.whole += p.whole
	o.ready += p.ready
	o.failing += p.failing
}

// program is the one of a seed, which decides everything about it.
func program(seed uint64, sessions int) (chaos.Program, tasker.Rules) {
	r := rand.New(rand.NewPCG(seed, 1))
	o := chaos.Options{
		Seed: seed, Sessions: sessions, Transactions: 10 + r.IntN(50)/sessions, Tasks: 1 + r.IntN(12), Steps: 2 + r.IntN(40),
		Overflow: r.IntN(4) == 0, Referential: r.IntN(4) == 0, BigRows: 1 + r.IntN(300),
	}
	if r.IntN(2) == 0 {
		o.Now = time.Now()
	}
	rules := tasker.RulesV02
	if r.IntN(3) == 0 {
		rules = tasker.RulesV01
	}
	return chaos.Generate(o), rules
}

// check runs the program of a seed; one that fails is shrunk, each try on a
// database of its own, and printed.
func check(t *testing.T, in func(tasker.Rules) *lab, seed uint64, sessions int) (result outcome) {
	t.Helper()
	p, rules := program(seed, sessions)
	l := in(rules)
	l.clear(t)
	found := l.run(t, p, &result)
	if len(found) == 0 {
		return result
	}
	t.Errorf("seed %d (%s=%[1]d), rules %s: %s", seed, seedVariable, rules, strings.Join(found, "\n"))
	again := false
	smaller := chaos.Shrink(p, 60, func(p chaos.Program) (fails bool) {
		t.Run("smaller", func(t *testing.T) {
			l := newLab(t, rules, sessions)
			for range sessions { // at once they need not fail each time
				if f := l.run(t, p, &outcome{}); len(f) > 0 {
					found, fails, again = f, true, true
					return
				}
				l.clear(t)
			}
		})
		return fails
	})
	if !again {
		t.Error("a part of it on a fresh database does not fail")
		return result
	}
	t.Errorf("a smaller program that fails, too:\n%s\n%s", smaller, strings.Join(found, "\n"))
	return result
}

// lab is a database that is followed, with all that programs need.
type lab struct {
	options  replication.Options
	conns    []*pgx.Conn
	asking   *pgx.Conn
	follower *followtest.Follower
	verifier *verify.Verifier
}

func newLab(t *testing.T, rules tasker.Rules, sessions int) *lab {
	t.Helper()
	url := followtest.Database(t, testbed.Options{Rules: rules})
	l := &lab{options: followtest.Options(t, url), asking: followtest.Connect(t, url)}
	// A function may come to fail for every step that tells the rules.
	l.options.Rules.Override = rules
	for range sessions {
		l.conns = append(l.conns, followtest.Connect(t, url))
	}
	followtest.Exec(t, l.asking, slowestSQL...)
	l.follower = followtest.StartWith(t, l.options)
	l.verifier = verify.New(l.asking, l.follower, verify.Options{Schema: "public", StatementTimeout: 10 * time.Second, MaxPaths: 2000})
	return l
}

// clear empties all tables, and sees to it that the index is empty then.
func (l *lab) clear(t *testing.T) {
	t.Helper()
	followtest.Exec(t, l.asking, `TRUNCATE tasker_task_namespaces, tasker_dependent_systems CASCADE`)
	l.follower.Reach(t, l.asking)
	stats := l.follower.View().Stats()
	if stats.Bytes, stats.StatesOutsideOfMachine = 0, 0; stats != (readiness.Stats{}) {
		t.Fatalf("the tables are empty, the index is not: %+v", stats)
	}
}

// run plays a program and says in what the index differs from the database at
// the quiet points, at the most a few things.
func (l *lab) run(t *testing.T, p chaos.Program, result *outcome) (found []string) {
	t.Helper()
	result.programs++
	const stretch = 6 // transactions of each session between two quiet points
	for at := 0; ; at += stretch {
		var part chaos.Program
		if at == 0 {
			part.Base = p.Base
		}
		for _, s := range p.Sessions {
			if at < len(s) {
				part.Sessions = append(part.Sessions, s[at:min(at+stretch, len(s))])
			}
		}
		if len(part.Sessions) == 0 && len(part.Base) == 0 {
			break
		}
		r, err := chaos.Run(t.Context(), l.conns, part)
		if err != nil {
			t.Fatal(err)
		}
		result.committed += r.Committed
		for n := range maps.Values(r.Refused) {
			result.refused += n
		}
		if found = l.compare(t, result); len(found) > 0 {
			return found
		}
	}
	if result.committed%3 == 0 { // what the log has told is what a snapshot tells
		loaded := followtest.StartWith(t, l.options)
		loaded.Reach(t, l.asking)
		found = compareViews(l.follower.View(), loaded.View())
		loaded.Stop()
	}
	return found
}

// compare is what happens at a quiet point.
func (l *lab) compare(t *testing.T, result *outcome) (found []string) {
	t.Helper()
	l.follower.Reach(t, l.asking)
	found = compareRest(t, l.asking, l.follower.View(), result)
	report, err := l.verifier.Pass(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range report.Differences[:min(5, len(report.Differences))] {
		found = append(found, d.String())
	}
	if report.Undecided > 0 || !report.Whole {
		found = append(found, fmt.Sprintf("%d tasks undecided at a quiet point, all together decided: %t", report.Undecided, report.Whole))
	}
	result.compared += report.Compared
	result.failing += len(report.Failing)
	if report.Whole {
		result.whole++
	}
	return found
}
