package announce_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// line is what a test looks at of an event.
type line struct {
	ID        string
	Name      string
	LSN       tasker.LSN
	Recovered bool
	Reason    string
	Payload   struct {
		TaskID  int64   `json:"task_id"`
		StepID  int64   `json:"step_id"`
		StepIDs []int64 `json:"step_ids"`
		Attempt *int32  `json:"attempt_number"`
	}
}

// collect reads until the condition holds of what was read.
func collect(t *testing.T, r *announce.Reader, until func() bool) (entries []announce.Entry, lines []line) {
	t.Helper()
	deadline := time.Now().Add(followtest.Patience)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		batch, err := r.Next(ctx)
		cancel()
		if err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		for _, e := range batch {
			var l line
			if err := json.Unmarshal(e.Data, &l); err != nil || l.Name != e.Name {
				t.Fatalf("%s: %v", e.Data, err)
			}
			entries, lines = append(entries, e), append(lines, l)
		}
		if err != nil && until() {
			return entries, lines
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain, after %d events", len(lines))
		}
	}
}

// announcing runs a hub on a follower of a database.
func announcing(t *testing.T, url string, o announce.Options) (*announce.Hub, *followtest.Follower) {
	t.Helper()
	hub, err := announce.New(o)
	if err != nil {
		t.Fatal(err)
	}
	f := followtest.StartListening(t, url, hub)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		hub.Run(ctx, announce.Clock{Now: f.Now, Fresh: func() bool { return !f.Status().Stale }})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return hub, f
}

// transitions lists the ids of all rows in both tables, each entity's in the
// order of its history.
func transitions(t *testing.T, conn *pgx.Conn) (ids []string) {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		SELECT format('task-transition-%s', id) FROM tasker_task_transitions
		UNION ALL SELECT format('step-transition-%s', id) FROM tasker_workflow_step_transitions`)
	if err != nil {
		t.Fatal(err)
	}
	if ids, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		t.Fatal(err)
	}
	return ids
}

// TestUnderLoad: workers fail, die, race and are helped by hand; each transition
// is told once, in commit order, and what became ready is what the index says.
func TestUnderLoad(t *testing.T) {
	url := followtest.Database(t, testbed.Options{})
	conn := followtest.Connect(t, url)
	hub, f := announcing(t, url, announce.Options{Keep: 1_000_000, Always: true})
	reader, err := hub.Subscribe(nil, announce.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	stop := projecttest.Play(t, url, func(o *player.Options) { o.Rate = 0 })
	enough := time.After(4 * time.Second)
	worst := time.Duration(0)
	for running := true; running; {
		select {
		case <-enough:
			running = false
		case <-time.After(10 * time.Millisecond): // a measurement, not a wait for something
			worst = max(worst, f.Status().Age)
		}
	}
	stop()
	f.Reach(t, conn)
	end := f.View().LSN()
	entries, lines := collect(t, reader, func() bool { lsn, ok := reader.CaughtUp(); return ok && lsn >= end })

	seen := map[string]bool{}
	var told []string
	count := map[string]int{}
	for i, l := range lines {
		if seen[l.ID] || l.Recovered || l.Name == announce.Gap {
			t.Fatalf("event %d: %s %s, seen before %v", i, l.ID, l.Name, seen[l.ID])
		}
		seen[l.ID] = true
		count[l.Name]++
		if i > 0 && (entries[i].Position.LSN < entries[i-1].Position.LSN || entries[i].Position == entries[i-1].Position) {
			t.Fatalf("%s comes after %s", entries[i].Position, entries[i-1].Position)
		}
		if l.LSN != 0 && l.LSN != entries[i].Position.LSN {
			t.Fatalf("%s is told at %s", l.ID, entries[i].Position)
		}
		if strings.HasPrefix(l.Name, "task.") || strings.HasPrefix(l.Name, "step.") {
			told = append(told, l.ID)
		}
		if strings.HasPrefix(l.Name, "step.") && (l.Payload.TaskID == 0 || l.Payload.StepID == 0 || l.Payload.Attempt == nil) {
			t.Fatalf("%s", entries[i].Data)
		}
	}
	want := transitions(t, conn)
	inHistory(t, conn, told)
	slices.Sort(want)
	slices.Sort(told)
	if d := cmp.Diff(want, told); d != "" {
		t.Errorf("in the tables (-), told (+):\n%s", d)
	}
	for _, name := range []string{"step.completed", "step.failed", "workflow.viable_steps_discovered", "workflow.no_viable_steps", "observability.step.backoff", "task.completed", "step.retry_requested"} {
		if count[name] == 0 {
			t.Errorf("%s did not occur: too little happened", name)
		}
	}
	t.Logf("%d events of %d transitions, oldest answer %v; %v", len(lines), len(want), worst, count)
	resumes(t, hub, entries)
}

// inHistory has the events of each task and step in the order of its history.
func inHistory(t *testing.T, conn *pgx.Conn, told []string) {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		SELECT format('step-transition-%s', id), format('step %s', workflow_step_id), sort_key FROM tasker_workflow_step_transitions
		UNION ALL SELECT format('task-transition-%s', id), format('task %s', task_id), sort_key FROM tasker_task_transitions`)
	if err != nil {
		t.Fatal(err)
	}
	type place struct {
		of  string
		key int32
	}
	places := map[string]place{}
	var id string
	var p place
	if _, err := pgx.ForEachRow(rows, []any{&id, &p.of, &p.key}, func() error { places[id] = p; return nil }); err != nil {
		t.Fatal(err)
	}
	last := map[string]int32{}
	for _, id := range told {
		p := places[id]
		if p.key <= last[p.of] {
			t.Errorf("%s of %s, with key %d, comes after key %d", id, p.of, p.key, last[p.of])
		}
		last[p.of] = p.key
	}
}

// resumes goes on behind several places, and gets the rest each time.
func resumes(t *testing.T, hub *announce.Hub, entries []announce.Entry) {
	t.Helper()
	for _, i := range []int{0, 1, len(entries) / 3, len(entries) - 2, len(entries) - 1} {
		after, err := announce.ParsePosition(entries[i].Position.String())
		if err != nil {
			t.Fatal(err)
		}
		r, err := hub.Subscribe(&after, announce.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		got, _ := collect(t, r, func() bool { _, ok := r.CaughtUp(); return ok })
		r.Close()
		// The clock has gone on since, and let more steps run.
		rest := entries[i+1:]
		if len(got) < len(rest) || !cmp.Equal(got[:len(rest)], rest) {
			t.Errorf("behind %s: %d events, want at least %d, or others", after, len(got), len(rest))
		}
	}
}

var _ follow.Listener = (*announce.Hub)(nil)

// TestSlowReaderCostsNothing: the index is as fresh with a reader that does not
// read as without one, and the reader learns that it was overtaken.
func TestSlowReaderCostsNothing(t *testing.T) {
	url := followtest.Database(t, testbed.Options{})
	hub, f := announcing(t, url, announce.Options{Keep: 64, Linger: -1})
	projecttest.Play(t, url, func(o *player.Options) { o.Rate = 400 })
	ages := func() (list []time.Duration) {
		for tick, end := time.NewTicker(2*time.Millisecond), time.Now().Add(3*time.Second); time.Now().Before(end); <-tick.C {
			list = append(list, f.Status().Age)
		}
		slices.Sort(list)
		return list
	}
	alone := ages()
	if hub.Listening() || hub.Stats().Published != 0 {
		t.Errorf("nobody reads, and something is made: %+v", hub.Stats())
	}
	slow, err := hub.Subscribe(nil, announce.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	with := ages()
	followtest.Eventually(t, "more events than are kept", func() bool { return hub.Stats().Published > 128 })
	if _, err := slow.Next(t.Context()); !errors.Is(err, announce.ErrBehind) {
		t.Errorf("the reader gets %v", err)
	}
	slow.Close()
	followtest.Eventually(t, "the ring to be closed", func() bool { return !hub.Listening() })
	p99 := func(list []time.Duration) time.Duration { return list[len(list)*99/100] }
	if s := hub.Stats(); s.Gaps != 0 || s.Dropped != 1 || p99(with) > time.Second {
		t.Errorf("%+v; the answer was %v old, %v without a reader", s, p99(with), p99(alone))
	}
	t.Logf("age of the answers, median and p99: %v and %v, without a reader %v and %v; %+v", with[len(with)/2], p99(with), alone[len(alone)/2], p99(alone), hub.Stats())
}

// TestWhoeverWrites: what Rails writes and what a sidecar writes give the same
// events, but for their ids and times.
func TestWhoeverWrites(t *testing.T) {
	url := followtest.Database(t, testbed.Options{})
	conn := followtest.Connect(t, url)
	followtest.Exec(t, conn, `
		INSERT INTO tasker_task_namespaces (task_namespace_id, name, created_at, updated_at) VALUES (1, 'n', now(), now());
		INSERT INTO tasker_named_tasks (named_task_id, name, version, task_namespace_id, created_at, updated_at) VALUES (1, 'order', '1', 1, now(), now());
		INSERT INTO tasker_dependent_systems (dependent_system_id, name, created_at, updated_at) VALUES (1, 'd', now(), now());
		INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at) VALUES (1, 1, 'charge', now(), now());
		INSERT INTO tasker_tasks (task_id, named_task_id, complete, requested_at, identity_hash, created_at, updated_at) SELECT i, 1, false, now(), i::text, now(), now() FROM generate_series(1, 2) i;
		INSERT INTO tasker_workflow_steps (workflow_step_id, task_id, named_step_id, retryable, retry_limit, created_at, updated_at) SELECT i, i, 1, true, 3, now(), now() FROM generate_series(1, 2) i`)
	hub, f := announcing(t, url, announce.Options{Always: true})
	reader, err := hub.Subscribe(nil, announce.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	key := 0
	for _, to := range []string{"in_progress", "error", "pending", "in_progress", "complete"} {
		key += 10
		for id, columns := range []string{"NULL, '{}', now()", "'whatever', '{\"by\":\"sidecar\",\"reason\":\"\"}', clock_timestamp()"} {
			followtest.Exec(t, conn, fmt.Sprintf(`BEGIN;
				UPDATE tasker_workflow_steps SET attempts = %[1]d / 20, last_attempted_at = '2026-01-01', updated_at = now() WHERE workflow_step_id = %[2]d;
				UPDATE tasker_workflow_step_transitions SET most_recent = false, updated_at = now() WHERE workflow_step_id = %[2]d AND most_recent;
				INSERT INTO tasker_workflow_step_transitions (from_state, metadata, created_at, updated_at, to_state, sort_key, most_recent, workflow_step_id)
				VALUES (%[3]s, now(), '%[4]s', %[1]d, true, %[2]d);
				COMMIT`, key, id+1, columns, to))
		}
	}
	f.Reach(t, conn)
	end := f.View().LSN()
	entries, _ := collect(t, reader, func() bool { lsn, ok := reader.CaughtUp(); return ok && lsn >= end })
	of := map[int64][]string{}
	blank := regexp.MustCompile(`"(id|lsn|timestamp|next_retry_at|task_id|step_id|execution_duration|backoff_seconds|step_ids)":("[^"]*"|[-\d.e]+|\[\d+\])`)
	for _, e := range entries {
		of[e.TaskID.V] = append(of[e.TaskID.V], blank.ReplaceAllString(string(e.Data), `"$1":-`))
	}
	if d := cmp.Diff(of[1], of[2]); d != "" || len(of[1]) < 10 {
		t.Errorf("Rails (-), a sidecar (+), %d events: %s", len(of[1]), d)
	}
}
