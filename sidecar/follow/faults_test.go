package follow_test

import (
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/verify"
	"github.com/tasker-sidecar/tasker-sidecar/sql"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// play has simulated workers at work until the returned function is called.
func play(t *testing.T, url string, o player.Options) (stop func() player.Counters) {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = int32(o.Workers) + 1 //nolint:gosec // small
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	p, err := player.New(pool, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	end := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the player: %v", err)
		}
		pool.Close()
	})
	t.Cleanup(end)
	return func() player.Counters {
		end()
		return p.Counters()
	}
}

// busy are workers that fail, race and die now and then.
func busy(seed uint64) player.Options {
	return player.Options{
		Workers: 3, Rate: 60, Seed: seed, FailureRate: 0.1, BackoffRate: 0.2, BackoffSeconds: 1, DeathRate: 0.01, RaceRate: 0.05, SplitRate: 0.2, GrowthRate: 0.05,
		Operator: player.Operator{Retry: 3, Resolve: 1, Cancel: 1, Patience: 200 * time.Millisecond},
	}
}

// read reads in a loop, as callers do, and reports what none may ever see: no
// view where there was one, a position that goes back, answers that do not fit
// together.
func read(t *testing.T, f *followtest.Follower) (stop func()) {
	t.Helper()
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		last := tasker.LSN(0)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			view := f.View()
			if view == nil {
				t.Error("there was a view, and there is none")
				return
			}
			if view.LSN() < last {
				t.Errorf("the view went back from %s to %s", last, view.LSN())
			}
			last = view.LSN()
			now := f.Now()
			if n, list := view.ReadyCount(now), view.ReadySteps(now, 1<<30, nil); n != len(list) {
				t.Errorf("%d ready steps are counted, %d listed", n, len(list))
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(over)
		<-done
	})
}

// same waits until the index has all, and compares it with the database. Under
// load a pass may decide nothing, as when a name was written while it asked; so
// it goes on until something was compared. What differs in any pass counts.
func same(t *testing.T, f *followtest.Follower, address string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	verifier := verify.New(conn, f, verify.Options{Schema: "public"})
	followtest.Eventually(t, "a pass that compares something", func() bool {
		f.Reach(t, conn)
		report, err := verifier.Pass(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range report.Differences {
			t.Error(d)
		}
		return report.Tasks > 0 && report.Compared > 0
	})
}

// TestFaultsUnderLoad: whatever happens to server or connection, readers keep
// the old view, marked stale, and afterwards nothing differs.
func TestFaultsUnderLoad(t *testing.T) {
	server := pgtest.Server(t, nil)
	address := followtest.Database(t, testbed.Options{}, pgtest.On(server))
	stop := play(t, address, busy(1))
	f := followtest.Start(t, address, nil)
	stopReading := read(t, f)
	admin := func(sql string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		followtest.Exec(t, conn, sql)
	}
	for _, fault := range []struct {
		name string
		make func() error
	}{
		{"walsender terminated", func() error { admin(terminateWalsender); return nil }},
		{"all sessions terminated", func() error {
			admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tasker-sidecar'`)
			return nil
		}},
		{"slot dropped", func() error {
			// Its session is the only one that can; so it goes first.
			admin(`SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots;
				SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active`)
			return nil
		}},
		{"restart", func() error { return server.Restart(t.Context()) }},
		{"crash", func() error {
			if err := server.Kill(t.Context()); err != nil {
				return err
			}
			return server.Restart(t.Context())
		}},
		{"a table left the publication", func() error {
			admin(`ALTER PUBLICATION tasker_sidecar DROP TABLE tasker_workflow_step_edges`)
			followtest.Eventually(t, "answers to be stale", func() bool { return f.Status().Stale })
			admin(`ALTER PUBLICATION tasker_sidecar ADD TABLE tasker_workflow_step_edges`)
			return nil
		}},
		{"publication dropped", func() error { admin(`DROP PUBLICATION tasker_sidecar`); return nil }},
	} {
		t.Run(fault.name, func(t *testing.T) {
			before, view := f.Status(), f.View()
			if err := fault.make(); err != nil {
				t.Fatal(err)
			}
			followtest.Eventually(t, "a new snapshot to be followed", func() bool {
				s := f.Status()
				if s.Snapshots == before.Snapshots && f.View() == nil {
					t.Fatal("the old view is gone")
				}
				return s.Snapshots > before.Snapshots && !s.Stale
			})
			if f.View().LSN() <= view.LSN() {
				t.Errorf("from %s to %s", view.LSN(), f.View().LSN())
			}
			same(t, f, address)
		})
	}
	stopReading()
	if c := stop(); c.Commits < 100 {
		t.Errorf("there was no load: %+v", c)
	}
	same(t, f, address)
}

// TestFailOver: behind the same address there is suddenly another server, with
// other data and other positions, as after a restore.
func TestFailOver(t *testing.T) {
	first, second := pgtest.Server(t, nil), pgtest.Server(t, nil)
	a := followtest.Database(t, testbed.Options{}, pgtest.On(first))
	b := followtest.Database(t, testbed.Options{}, pgtest.On(second))
	ua, ub := parse(t, a), parse(t, b)
	// Its name and password are the other one's.
	password, _ := ua.User.Password()
	admin := followtest.Connect(t, second.URL())
	followtest.Exec(t, admin, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", ub.Path[1:], ua.Path[1:]),
		fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'", ua.User.Username(), password))
	original, _ := ub.User.Password()
	t.Cleanup(func() { // as those who made it know it
		admin, err := pgx.Connect(context.Background(), b)
		if err != nil {
			t.Error(err)
			return
		}
		defer admin.Close(context.Background())
		if _, err := admin.Exec(context.Background(), fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'", ua.User.Username(), original)); err != nil {
			t.Error(err)
		}
	})
	ub.Path, ub.User = ua.Path, ua.User
	b = ub.String()
	proxy := newProxy(t, ua.Host)
	ua.Host = proxy.address()
	through := ua.String()

	stopA := play(t, a, player.Options{Workers: 2, Seed: 1, Tasks: 20})
	stopB := play(t, b, player.Options{Workers: 2, Seed: 2, Tasks: 30})
	f := followtest.Start(t, through, nil)
	followtest.Eventually(t, "tasks", func() bool { return f.View().Stats().Tasks > 10 })
	same(t, f, a)
	proxy.point(ub.Host)
	proxy.cut()
	stopB()
	followtest.Eventually(t, "the other server to be followed", func() bool {
		s := f.Status()
		return s.Snapshots == 2 && !s.Stale
	})
	same(t, f, b)
	stopA()
	f.Stop()
}

// TestCutInTheMiddleOfATransaction: half a transaction is never seen, and all
// of it afterwards.
func TestCutInTheMiddleOfATransaction(t *testing.T) {
	address := followtest.Database(t, testbed.Options{})
	u := parse(t, address)
	proxy := newProxy(t, u.Host)
	u.Host = proxy.address()
	conn := followtest.Connect(t, address)
	manyTasks(t, conn, 100, 200)
	f := followtest.Start(t, u.String(), nil)
	f.Reach(t, conn)
	stop := read(t, f)
	for round := range 3 {
		before := f.Status().Snapshots
		proxy.cutAfter(int64(300_000 * (round + 1)))
		followtest.Exec(t, conn, fmt.Sprintf("UPDATE tasker_workflow_steps SET attempts = %d", round+1))
		for f.Status().Snapshots == before {
			view := f.View()
			attempts := map[int32]bool{}
			for _, id := range []int64{1, 50, 100} {
				for _, s := range view.StepReadiness(id, nil, 0) {
					attempts[s.Attempts.V] = true
				}
			}
			if len(attempts) != 1 || attempts[int32(round+1)] { //nolint:gosec // small
				t.Fatalf("half a transaction, or one that did not arrive, is seen: attempts %v", attempts)
			}
			<-time.After(time.Millisecond)
		}
		f.Fresh(t)
		same(t, f, address)
	}
	stop()
	f.Stop()
}

// TestRulesReplaced: from the moment it is found that the functions are others,
// answers are stale until they are made by the new rules.
func TestRulesReplaced(t *testing.T) {
	address := followtest.Database(t, testbed.Options{})
	conn := followtest.Connect(t, address)
	manyTasks(t, conn, 3, 3)
	followtest.Exec(t, conn, `UPDATE tasker_workflow_steps SET attempts = NULL`)
	f := followtest.Start(t, address, nil)
	if rules := f.View().Rules(); rules != tasker.RulesV02 || f.Status().Rules.Provisional {
		t.Fatalf("rules %s, %+v", rules, f.Status().Rules)
	}
	for _, rules := range []tasker.Rules{tasker.RulesV01, tasker.RulesV02} {
		old := f.View().Rules()
		replaceFunctions(t, conn, rules)
		found := false
		followtest.Eventually(t, "the new rules", func() bool {
			before := f.View().Rules()
			stale := f.Status().Stale
			found = found || stale
			if found && !stale && before == old && f.View().Rules() == old {
				t.Fatal("the change was found, and answers by the old rules pass for fresh")
			}
			return f.View().Rules() == rules && !stale
		})
		if !found {
			t.Error("answers were never stale")
		}
		if s := f.Status(); s.Rules.Rules != rules {
			t.Errorf("%+v", s.Rules)
		}
		same(t, f, address)
	}
}

// TestProvisionalRules: as soon as a step appears that tells, its answers are
// not given before it is known what it tells.
func TestProvisionalRules(t *testing.T) {
	address := followtest.Database(t, testbed.Options{Rules: tasker.RulesV01})
	conn := followtest.Connect(t, address)
	manyTasks(t, conn, 1, 1)
	f := followtest.Start(t, address, func(o *replication.Options) { o.WatchInterval = 500 * time.Millisecond })
	if s := f.Status(); !s.Rules.Provisional || f.View().Rules() != tasker.RulesV02 {
		t.Fatalf("%+v", s.Rules)
	}
	followtest.Exec(t, conn, `UPDATE tasker_workflow_steps SET attempts = NULL`)
	followtest.Eventually(t, "the rules to be found", func() bool {
		view := f.View()
		stale := f.Status().Stale
		if step, ok := view.Step(1, 0); !ok || !stale && view.Rules() == tasker.RulesV02 && step.Attempts.V != 7 {
			t.Fatal("a step is answered by rules that are only supposed, as if they were known")
		}
		return view.Rules() == tasker.RulesV01 && !stale
	})
	same(t, f, address)
}

// manyTasks writes tasks with ids from 1 on, each with that many steps, all
// with 7 attempts.
func manyTasks(t *testing.T, conn *pgx.Conn, tasks, steps int) {
	t.Helper()
	followtest.Exec(t, conn,
		`INSERT INTO tasker_task_namespaces (task_namespace_id, name, created_at, updated_at) VALUES (1, 'default', now(), now())`,
		`INSERT INTO tasker_dependent_systems (dependent_system_id, name, created_at, updated_at) VALUES (1, 'default', now(), now())`,
		`INSERT INTO tasker_named_tasks (named_task_id, name, task_namespace_id, version, created_at, updated_at) VALUES (1, 'order', 1, '1.0.0', now(), now())`,
		`INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at) VALUES (1, 1, 'step', now(), now())`,
		fmt.Sprintf(`INSERT INTO tasker_tasks (task_id, named_task_id, requested_at, identity_hash, created_at, updated_at) SELECT i, 1, now(), 'h' || i, now(), now() FROM generate_series(1, %d) i`, tasks),
		fmt.Sprintf(`INSERT INTO tasker_workflow_steps (workflow_step_id, task_id, named_step_id, attempts, created_at, updated_at)
			SELECT i, 1 + i %% %d, 1, 7, now(), now() FROM generate_series(1, %d) i`, tasks, tasks*steps))
}

// replaceFunctions puts the functions of a version in the place of the others,
// in one transaction, as a migration does.
func replaceFunctions(t *testing.T, conn *pgx.Conn, rules tasker.Rules) {
	t.Helper()
	dir := "testbed/functions"
	if rules == tasker.RulesV01 {
		dir = "testbed/v01"
	}
	names, err := fs.Glob(sql.Testbed, "testbed/v01/*.sql")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	script := "BEGIN;"
	for _, name := range names {
		text, err := fs.ReadFile(sql.Testbed, strings.Replace(name, "testbed/v01", dir, 1))
		if err != nil {
			t.Fatal(err)
		}
		script += strings.Replace(string(text), "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
	}
	followtest.Exec(t, conn, script+"COMMIT")
}

func parse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
