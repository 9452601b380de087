package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// printed is a line of the command events.
type printed struct {
	ID, Name  string
	Recovered bool
	LSN       string
}

// printing is the command events with what it has printed.
type printing struct {
	*process
	file string
}

func events(t *testing.T, args ...string) *printing {
	t.Helper()
	file := filepath.Join(t.TempDir(), "events")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close() // the process has its own
	return &printing{startTo(t, out, nil, append([]string{"events", "--follow"}, args...)...), file}
}

// lines are all that are whole: a process that is killed may leave a part of one.
func (p *printing) lines() (list []printed) {
	p.t.Helper()
	text, err := os.ReadFile(p.file)
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		var l printed
		if err := json.Unmarshal(line, &l); err != nil {
			p.t.Fatalf("%s: %v", line, err)
		}
		list = append(list, l)
	}
	return list
}

// overtaken commits transitions whose ids are drawn long before those of others,
// half of them in savepoints, until the returned function is called.
func overtaken(t *testing.T, address string) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	conn := followtest.Connect(t, address)
	followtest.Exec(t, conn, `
		INSERT INTO tasker_task_namespaces (task_namespace_id, name, created_at, updated_at) VALUES (7777, 'late', now(), now());
		INSERT INTO tasker_named_tasks (named_task_id, name, version, task_namespace_id, created_at, updated_at) VALUES (7777, 'late', '1', 7777, now(), now());`)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			savepoint := map[bool]string{true: "SAVEPOINT a;", false: ""}[i%2 == 0]
			if _, err := conn.Exec(context.Background(), fmt.Sprintf(`BEGIN; %s
				WITH t AS (INSERT INTO tasker_tasks (named_task_id, complete, requested_at, identity_hash, created_at, updated_at)
					VALUES (7777, false, now(), 'late %d', now(), now()) RETURNING task_id)
				INSERT INTO tasker_task_transitions (to_state, metadata, sort_key, most_recent, task_id, created_at, updated_at)
				SELECT 'in_progress', '{}', 10, true, task_id, now(), now() FROM t;
				SELECT pg_sleep(%f); COMMIT`, savepoint, i, rand.Float64()/4), pgx.QueryExecModeSimpleProtocol); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	return func() { cancel(); <-done }
}

// TestConsumerKilledAgainAndAgain: SIGKILL at random moments, with transactions
// that are committed in another order than they drew their ids. What the tables
// hold in the end has been printed, by one or another.
func TestConsumerKilledAgainAndAgain(t *testing.T) {
	address := projecttest.Installed(t, testbed.Options{})
	conn := followtest.Connect(t, address)
	consumer := func() *printing {
		return events(t, "--database-url", address, "--consumer", "killed", "--events.watermark-interval", "100ms")
	}
	marked := func() (horizon int64) {
		if err := conn.QueryRow(t.Context(), "SELECT coalesce(max(horizon), 0) FROM tasker_sidecar.event_consumers").Scan(&horizon); err != nil {
			t.Fatal(err)
		}
		return horizon
	}
	runs := []*printing{consumer()}
	followtest.Eventually(t, "the consumer to be known", func() bool { return marked() > 0 })
	var commits atomic.Int64
	stopLoad := projecttest.Play(t, address, func(o *player.Options) {
		o.Rate, o.OnCommit = 200, func(player.Commit) { commits.Add(1) }
	})
	stopLate := sync.OnceFunc(overtaken(t, address))
	defer stopLate()
	pass := func(n int64) {
		until := commits.Load() + n
		followtest.Eventually(t, "some commits", func() bool { return commits.Load() >= until })
	}
	for i := range 12 {
		p := runs[len(runs)-1]
		if i%3 != 2 { // else at any moment of its start
			followtest.Eventually(t, "some events", func() bool { return len(p.lines()) > 20 })
		}
		pass(rand.Int64N(80))
		p.signal(syscall.SIGKILL)
		p.wait(followtest.Patience)
		pass(rand.Int64N(80))
		runs = append(runs, consumer())
	}
	stopLoad()
	stopLate()

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
	var at place
	if _, err := pgx.ForEachRow(rows, []any{&id, &at.of, &at.key}, func() error { places[id] = at; return nil }); err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	missing := func() (n int) {
		clear(told)
		for _, p := range runs {
			for _, l := range p.lines() {
				told[l.ID]++
			}
		}
		for id := range places {
			if told[id] == 0 {
				n++
			}
		}
		return n
	}
	followtest.Eventually(t, "every transition to be printed", func() bool { return missing() == 0 })
	again, recovered := 0, 0
	for i, p := range runs {
		last := map[string]int32{}
		for j, l := range p.lines() {
			switch {
			case l.Name == "gap":
				t.Errorf("run %d: a gap", i)
			case l.Recovered:
				recovered++
			}
			where, isTransition := places[l.ID]
			if !isTransition {
				continue
			}
			of := fmt.Sprint(l.Recovered, where.of)
			if where.key <= last[of] {
				t.Errorf("run %d, line %d: %s of %s, with key %d, comes after key %d", i, j, l.ID, where.of, where.key, last[of])
			}
			last[of] = where.key
		}
	}
	for id := range places {
		again += told[id] - 1
	}
	if recovered == 0 {
		t.Error("nothing had to be recovered")
	}
	t.Logf("%d runs, %d transitions, printed again %d times, %d events recovered", len(runs), len(places), again, recovered)

	last := runs[len(runs)-1]
	last.signal(syscall.SIGTERM)
	if code := last.wait(followtest.Patience); code != 0 {
		t.Errorf("exit code %d", code)
	}
	followtest.Eventually(t, "nothing to be left", func() bool { l := leftovers(t, conn); return l.slots+l.senders == 0 })
}

// TestEventsOfAServer: the command reads a running sidecar's stream, and says
// where it ended.
func TestEventsOfAServer(t *testing.T) {
	address := projecttest.Installed(t, testbed.Options{})
	conn := followtest.Connect(t, address)
	server := run(t, address)
	p := events(t, "--server", "http://"+server.address, "--name", "task.*")
	begin := func(task int) {
		followtest.Exec(t, conn, fmt.Sprintf(`INSERT INTO tasker_task_transitions (to_state, metadata, sort_key, most_recent, task_id, created_at, updated_at)
			SELECT 'in_progress', '{}', 10, true, task_id, now(), now() FROM tasker_tasks WHERE identity_hash = 'hash %d'`, task))
	}
	followtest.Exec(t, conn, `
		INSERT INTO tasker_task_namespaces (task_namespace_id, name, created_at, updated_at) VALUES (7777, 'n', now(), now());
		INSERT INTO tasker_named_tasks (named_task_id, name, version, task_namespace_id, created_at, updated_at) VALUES (7777, 'n', '1', 7777, now(), now());
		INSERT INTO tasker_tasks (named_task_id, complete, requested_at, identity_hash, created_at, updated_at)
		SELECT 7777, false, now(), 'hash ' || i, now(), now() FROM generate_series(1, 100) i`)
	for i := 1; i <= 100 && len(p.lines()) == 0; i++ {
		begin(i)
		count := i
		followtest.Eventually(t, "the reader to be there, or the next task", func() bool { return len(p.lines()) > 0 || count < 100 })
	}
	followtest.Eventually(t, "events", func() bool { return len(p.lines()) > 0 })
	for _, l := range p.lines() {
		if l.Name != "task.start_requested" || l.Recovered || l.LSN == "" {
			t.Errorf("%+v", l)
		}
	}
	server.signal(syscall.SIGTERM)
	if code := p.wait(followtest.Patience); code != 1 && code != 3 || !strings.Contains(p.output(), "the sidecar is stopping") || !strings.Contains(p.output(), "--after") {
		t.Errorf("exit code %d: %s", code, p.output())
	}
	server.wait(followtest.Patience)
	for _, c := range [][]string{
		{"events"}, {"events", "--follow", "--name", "nothing"}, {"events", "--follow", "--after", "x"},
		{"events", "--follow", "--consumer", "c"}, {"events", "--follow", "--consumer", "c", "--server", "http://127.0.0.1:1", "--database-url", address},
		{"events", "--follow", "--after", "0/1-0", "--database-url", address},
	} {
		if code := start(t, c...).wait(followtest.Patience); code != 2 {
			t.Errorf("%v: exit code %d", c, code)
		}
	}
}
