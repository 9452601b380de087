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
	if text := os.Getenv(seedVariable); text != "" {
		var seed uint64
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
		check(t, seed, sessions)
		return
	}
	end := time.Now().Add(differentialTime(t))
	var total outcome
	for time.Now().Before(end) && !t.Failed() {
		total.add(check(t, rand.Uint64N(1<<32), sessions))
	}
	if total.programs == 0 || total.compared < 5*total.programs || total.whole == 0 || total.ready == 0 || total.committed == 0 {
		t.Errorf("too little was compared: %+v", total)
	}
	t.Logf("%+v", total)
}

// outcome is what was compared.
type outcome struct {
	programs, committed, refused int
	compared, undecided, whole   int
	ready, failing               int
}

func (o *outcome) add(p outcome) {
	o.programs += p.programs
	o.committed += p.committed
	o.refused += p.refused
	o.compared += p.compared
	o.undecided += p.undecided
	o.whole += p.whole
	o.ready += p.ready
	o.failing += p.failing
}

// program is the one of a seed, which decides everything about it.
func program(seed uint64, sessions int) (chaos.Program, tasker.Rules) {
	r := rand.New(rand.NewPCG(seed, 1))
	o := chaos.Options{
		Seed: seed, Sessions: sessions, Transactions: 10 + r.IntN(50)/sessions, Tasks: 1 + r.IntN(12), Steps: 2 + r.IntN(40),
		Overflow: r.IntN(4) == 0, Referential: r.IntN(4) == 0, BigRows: 1 + r.IntN(2000),
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

// check runs the program of a seed; one that fails is shrunk and printed.
func check(t *testing.T, seed uint64, sessions int) outcome {
	t.Helper()
	p, rules := program(seed, sessions)
	result, found := run(t, p, rules)
	if len(found) == 0 {
		return result
	}
	t.Errorf("seed %d (%s=%[1]d, rules %s): %s", seed, seedVariable, rules, strings.Join(found, "\n"))
	t.Log("shrinking")
	smaller := chaos.Shrink(p, 60, func(p chaos.Program) bool {
		for range sessions { // at once: they need not fail each time
			if _, again := run(t, p, rules); len(again) > 0 {
				found = again
				return true
			}
		}
		return false
	})
	t.Errorf("a smaller program that fails, too:\n%s\n%s", smaller, strings.Join(found, "\n"))
	return result
}

// run plays a program on a database of its own and says in what the index
// differs from the database, at the most a few things.
func run(t *testing.T, p chaos.Program, rules tasker.Rules) (result outcome, found []string) {
	t.Helper()
	t.Run("program", func(t *testing.T) {
		url := followtest.Database(t, testbed.Options{Rules: rules})
		conns := make([]*pgx.Conn, max(len(p.Sessions), 1))
		for i := range conns {
			conns[i] = followtest.Connect(t, url)
		}
		asking := followtest.Connect(t, url)
		followtest.Exec(t, asking, slowestSQL...)
		o := followtest.Options(t, url)
		o.Rules.Override = rules // in chaos a function may fail for every step that tells
		f := followtest.StartWith(t, o)
		v := verify.New(asking, f, verify.Options{Schema: "public", StatementTimeout: 5 * time.Second, MaxPaths: 2000})
		result.programs = 1

		compare := func() bool {
			t0 := time.Now()
			f.Reach(t, conns[0])
			t1 := time.Now()
			defer func() { t.Logf("reach %v, rest %v", t1.Sub(t0), time.Since(t1)) }()
			found = append(found, compareRest(t, asking, f.View(), &result)...)
			t2 := time.Now()
			defer func() { t.Logf("verify %v", time.Since(t2)) }()
			report, err := v.Pass(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range report.Differences[:min(5, len(report.Differences))] {
				found = append(found, d.String())
			}
			result.compared += report.Compared
			result.undecided += report.Undecided
			result.failing += len(report.Failing)
			if report.Whole {
				result.whole++
			}
			return len(found) == 0
		}
		// A quiet point every few transactions.
		const stretch = 6
		for at := 0; ; at += stretch {
			part := chaos.Program{}
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
			t3 := time.Now()
			r, err := chaos.Run(t.Context(), conns, part)
			t.Logf("chaos %v", time.Since(t3))
			if err != nil {
				t.Fatal(err)
			}
			result.committed += r.Committed
			for n := range maps.Values(r.Refused) {
				result.refused += n
			}
			if !compare() {
				return
			}
		}
		// What the log has told is what a snapshot tells.
		again := followtest.StartWith(t, o)
		again.Reach(t, conns[0])
		found = append(found, compareViews(f.View(), again.View())...)
		f.Stop()
	})
	return result, found
}
