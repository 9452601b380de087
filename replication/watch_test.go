package replication

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// sighting is one call of a WatchHandler.
type sighting struct {
	changed []Difference
	rules   RulesFinding
	err     error
	kind    string
}

// startWatcher runs a watcher of the database for the time of the test.
func startWatcher(t *testing.T, address string, rules RulesFinding, change func(*WatchOptions)) (*Watcher, <-chan sighting) {
	t.Helper()
	seen := make(chan sighting, 100)
	o := WatchOptions{
		Connect:  func(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, address) },
		Schema:   "public",
		Interval: 100 * time.Millisecond,
		Handler: WatchHandler{
			Changed: func(d []Difference) { seen <- sighting{kind: "changed", changed: d} },
			Rules:   func(f RulesFinding, err error) { seen <- sighting{kind: "rules", rules: f, err: err} },
			Blind:   func(err error) { seen <- sighting{kind: "blind", err: err} },
			Seeing:  func() { seen <- sighting{kind: "seeing"} },
		},
	}
	if change != nil {
		change(&o)
	}
	conn := connectTo(t, address)
	base := fingerprintOf(t, conn, nil)
	w := NewWatcher(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx, base, rules) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the watcher ended with %v", err)
		}
	})
	return w, seen
}

// next waits for the next sighting, which must be of that kind.
func next(t *testing.T, seen <-chan sighting, kind string) sighting {
	t.Helper()
	select {
	case s := <-seen:
		if s.kind != kind {
			t.Fatalf("%s was seen where %s is expected: %+v", s.kind, kind, s)
		}
		return s
	case <-time.After(20 * time.Second):
		t.Fatalf("no %s within 20 s", kind)
	}
	return sighting{}
}

func TestWatcherSeesDropColumnCascade(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	if err := EnsurePublication(t.Context(), conn, PublicationOptions{}); err != nil {
		t.Fatal(err)
	}
	w, seen := startWatcher(t, address, RulesFinding{Rules: tasker.RulesV02}, nil)
	execute(t, conn, "ALTER TABLE tasker_tasks DROP COLUMN initiator CASCADE")
	s := next(t, seen, "changed")
	if err := StopError(s.changed); err == nil || !strings.Contains(err.Error(), "public.tasker_tasks has no column initiator") || !Permanent(err) {
		t.Errorf("the error is %v", err)
	}
	// Told once; what comes next is told by itself.
	execute(t, conn, "ALTER PUBLICATION tasker_sidecar DROP TABLE tasker_named_tasks")
	s = next(t, seen, "changed")
	if len(s.changed) != 1 || s.changed[0].What != "publication tasker_sidecar does not have public.tasker_named_tasks any more" || s.changed[0].Consequence != Rebuild {
		t.Errorf("then it saw %v", s.changed)
	}
	if w.LastLook().IsZero() {
		t.Error("the time of the last look is not known")
	}
}

// A table that was renamed is found again by its oid.
func TestWatcherSeesRenaming(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	_, seen := startWatcher(t, address, RulesFinding{Rules: tasker.RulesV02}, nil)
	execute(t, conn, "ALTER TABLE tasker_tasks RENAME TO jobs")
	s := next(t, seen, "changed")
	if len(s.changed) != 1 || s.changed[0].What != "table public.tasker_tasks was renamed to jobs" {
		t.Errorf("it saw %v", s.changed)
	}
}

func TestWatcherAsksForTheRules(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	seed(t, conn)
	id := addStep(t, conn, "NULL", "true", "3", "NULL", "NULL", "", "")
	var broken atomic.Bool
	_, seen := startWatcher(t, address, RulesFinding{Rules: tasker.RulesV02}, func(o *WatchOptions) {
		o.Blind = 200 * time.Millisecond
		o.Connect = func(ctx context.Context) (*pgx.Conn, error) {
			if broken.Load() {
				return nil, errors.New("the network is down")
			}
			return pgx.Connect(ctx, address)
		}
	})
	// As a migration to an older engine would.
	execute(t, conn, readinessFunction("public", "coalesce(s.attempts, 0) < 3", "s.attempts IS NOT NULL AND s.retryable", "s.attempts"))
	s := next(t, seen, "changed")
	if Gravest(s.changed) != AskRules {
		t.Errorf("it saw %v", s.changed)
	}
	if s = next(t, seen, "rules"); s.err != nil || s.rules.Rules != tasker.RulesV01 {
		t.Errorf("it found %+v, %v", s.rules, s.err)
	}
	execute(t, conn, readinessFunction("public", "true", "true", "-7"))
	next(t, seen, "changed")
	if s = next(t, seen, "rules"); s.err == nil || !strings.Contains(s.err.Error(), fmt.Sprintf("of step %d (task 1) it says attempts -7", id)) {
		t.Errorf("it found %+v, %v", s.rules, s.err)
	}
	// A connection lost and found does not make a refused function a good one.
	broken.Store(true)
	cutUntil(t, conn, seen, "blind")
	broken.Store(false)
	if s = next(t, seen, "rules"); s.err == nil {
		t.Errorf("the error is forgotten: %+v", s)
	}
	execute(t, conn, readinessFunction("public", "coalesce(s.attempts, 0) < 3", "s.retryable", "coalesce(s.attempts, 0)"))
	next(t, seen, "changed")
	if s = next(t, seen, "rules"); s.err != nil || s.rules.Rules != tasker.RulesV02 {
		t.Errorf("it found %+v, %v", s.rules, s.err)
	}
	execute(t, conn, "DROP FUNCTION get_step_readiness_status")
	next(t, seen, "changed")
	if s = next(t, seen, "rules"); s.err == nil || !strings.Contains(s.err.Error(), "there is no function") {
		t.Errorf("it found %+v, %v", s.rules, s.err)
	}
}

func TestWatcherProvisionalRulesBecomeKnown(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV01)
	conn := connectTo(t, address)
	seed(t, conn)
	addStep(t, conn, "0", "true", "3", "NULL", "NULL", "", "")
	found, err := DetectRules(t.Context(), conn, "public", RulesOptions{})
	if err != nil || found.Rules != tasker.RulesV02 || !found.Provisional {
		t.Fatalf("%+v, %v", found, err)
	}
	// On being asked: the search by itself is an hour away.
	w, seen := startWatcher(t, address, found, func(o *WatchOptions) { o.ProvisionalInterval = time.Hour })
	addStep(t, conn, "1", "false", "3", "NULL", "NULL", "", "")
	w.AskRules()
	if s := next(t, seen, "rules"); s.err != nil || s.rules.Rules != tasker.RulesV01 || s.rules.Provisional {
		t.Errorf("it found %+v, %v", s.rules, s.err)
	}
	// By itself.
	_, seen = startWatcher(t, address, found, func(o *WatchOptions) { o.ProvisionalInterval = 200 * time.Millisecond })
	if s := next(t, seen, "rules"); s.err != nil || s.rules.Rules != tasker.RulesV01 || s.rules.Provisional {
		t.Errorf("it found %+v, %v", s.rules, s.err)
	}
}

func TestWatcherBlind(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	var broken atomic.Bool
	_, seen := startWatcher(t, address, RulesFinding{Rules: tasker.RulesV02}, func(o *WatchOptions) {
		o.Blind = 300 * time.Millisecond
		o.Connect = func(ctx context.Context) (*pgx.Conn, error) {
			if broken.Load() {
				return nil, errors.New("the network is down")
			}
			return pgx.Connect(ctx, address)
		}
	})
	broken.Store(true)
	if s := cutUntil(t, conn, seen, "blind"); s.err == nil || !strings.Contains(s.err.Error(), "the network is down") {
		t.Errorf("the error is %v", s.err)
	}
	execute(t, conn, "ALTER TABLE tasker_tasks ADD COLUMN priority integer")
	broken.Store(false)
	// What happened meanwhile is told before all is well.
	if s := next(t, seen, "changed"); Gravest(s.changed) != Rebuild {
		t.Errorf("it saw %v", s.changed)
	}
	next(t, seen, "seeing")
}

// cutUntil ends all other sessions of the database, again and again, until the
// watcher tells of it.
func cutUntil(t *testing.T, conn *pgx.Conn, seen <-chan sighting, kind string) sighting {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-tick.C {
		execute(t, conn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		if len(seen) > 0 {
			return next(t, seen, kind)
		}
	}
	t.Fatalf("no %s within 20 s", kind)
	return sighting{}
}
