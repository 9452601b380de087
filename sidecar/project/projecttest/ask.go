package projecttest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
)

// MaxStaleness is what the sessions in mode fast ask for.
const MaxStaleness = time.Second

// Asking is what sessions that ask call themselves. The server knows what they
// have counted when they are gone, or some seconds later.
const Asking = "asking"

// Session opens a session with the given settings, as database.yml gives them.
func Session(t testing.TB, url string, settings map[string]string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["application_name"] = Asking
	for name, value := range settings {
		config.RuntimeParams[name] = value
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// ReadMode puts the drop-ins before the engine's functions, in a read mode.
// Nobody waits longer for rows than wait.
func ReadMode(mode string, wait time.Duration) map[string]string {
	return map[string]string{
		"search_path": dropin.Schema + ", public", "tasker_sidecar.read_mode": mode,
		"tasker_sidecar.max_staleness": fmt.Sprint(MaxStaleness.Milliseconds()), "tasker_sidecar.wait_timeout": fmt.Sprint(wait.Milliseconds()),
	}
}

// Answers is how many answers came from rows, and how many did not, by cause.
func Answers(t testing.TB, conn *pgx.Conn) (fromRows int64, fallbacks map[string]int64) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), `SELECT answers_from_rows, fallbacks FROM tasker_sidecar.freshness`).Scan(&fromRows, &fallbacks); err != nil {
		t.Fatal(err)
	}
	return fromRows, fallbacks
}

// pause is the least time between two questions, so that those who ask leave
// something of the machine to those who answer.
const pause = 2 * time.Millisecond

// ownSteps is how many steps a task has that [OwnTasks] makes.
const ownSteps = 10

// OwnTasks makes tasks that nobody else touches, under names that begin with a
// given one.
func OwnTasks(t testing.TB, conn *pgx.Conn, name string, tasks int) (ids []int64) {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		WITH space AS (INSERT INTO tasker_task_namespaces (name, created_at, updated_at) VALUES ($3, now(), now()) RETURNING task_namespace_id),
		system AS (INSERT INTO tasker_dependent_systems (name, created_at, updated_at) VALUES ($3, now(), now()) RETURNING dependent_system_id),
		named AS (INSERT INTO tasker_named_tasks (name, task_namespace_id, version, created_at, updated_at)
			SELECT $3, task_namespace_id, '1', now(), now() FROM space RETURNING named_task_id),
		step AS (INSERT INTO tasker_named_steps (dependent_system_id, name, created_at, updated_at)
			SELECT dependent_system_id, $3, now(), now() FROM system RETURNING named_step_id),
		task AS (INSERT INTO tasker_tasks (named_task_id, requested_at, identity_hash, created_at, updated_at)
			SELECT named_task_id, now(), $3 || i, now(), now() FROM named, generate_series(1, $1) i RETURNING task_id),
		steps AS (INSERT INTO tasker_workflow_steps (task_id, named_step_id, attempts, retry_limit, created_at, updated_at)
			SELECT task_id, named_step_id, 0, 1000000, now(), now() FROM task, step, generate_series(1, $2) RETURNING 1)
		SELECT task_id FROM task`, tasks, ownSteps, name)
	if err != nil {
		t.Fatal(err)
	}
	if ids, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
		t.Fatal(err)
	}
	return ids
}

// setAttempts is a change of a task of one's own.
const setAttempts = `UPDATE tasker_workflow_steps SET attempts = $2 WHERE task_id = $1`

// attempts are the least and the most of a task's steps, and how many there are.
func attempts(ctx context.Context, conn *pgx.Conn, task int64) (least, most, steps int, err error) {
	err = conn.QueryRow(ctx, `SELECT min(attempts), max(attempts), count(*) FROM get_step_readiness_status($1::bigint, $2::bigint[])`, task, nil).
		Scan(&least, &most, &steps)
	return least, most, steps, err
}

// AskWaiting changes a task, commits, and asks about it at once in mode wait,
// until ctx ends; it says how often. Wrong answers fail the test.
func AskWaiting(ctx context.Context, t testing.TB, url string, tasks []int64, wait time.Duration) (asked int) {
	t.Helper()
	writer, reader := Session(t, url, nil), Session(t, url, ReadMode("wait", wait))
	defer reader.Close(context.Background()) // which makes its counts known; before version 15 nothing else does
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for n := 1; ctx.Err() == nil; n++ {
		<-tick.C
		id := tasks[n%len(tasks)]
		if _, err := writer.Exec(t.Context(), setAttempts, id, n); err != nil {
			t.Error(err)
			return asked
		}
		least, most, steps, err := attempts(t.Context(), reader, id)
		if err != nil {
			t.Error(err)
			return asked
		}
		asked++
		if least != n || most != n || steps != ownSteps {
			t.Errorf("task %d right after change %d was committed: least and most attempts %d and %d of %d steps", id, n, least, most, steps)
		}
	}
	return asked
}

// AskFast asks about tasks in mode fast while somebody changes them, until ctx
// ends, and holds each answer against what was committed when; it says how often
// it asked. Wrong answers fail the test.
func AskFast(ctx context.Context, t testing.TB, url string, tasks []int64) (asked int) {
	t.Helper()
	reader, writer := Session(t, url, ReadMode("fast", 0)), Session(t, url, nil)
	defer reader.Close(context.Background())
	var mu sync.Mutex
	committed := map[int64][]time.Time{} // of a task: when the n-th change was known to be committed
	begun := map[int64]int{}             // of a task: the last change that was begun
	for _, id := range tasks {
		committed[id] = []time.Time{{}}
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for n := 0; ctx.Err() == nil; n++ {
			<-tick.C
			id := tasks[n%len(tasks)]
			mu.Lock()
			begun[id]++
			value := begun[id]
			mu.Unlock()
			if _, err := writer.Exec(t.Context(), setAttempts, id, value); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			committed[id] = append(committed[id], time.Now())
			mu.Unlock()
		}
	})
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for ; ctx.Err() == nil; asked++ {
		<-tick.C
		id := tasks[asked%len(tasks)]
		before := time.Now()
		got, most, steps, err := attempts(t.Context(), reader, id)
		if err != nil {
			t.Error(err)
			break
		}
		mu.Lock()
		// What was committed MaxStaleness before the question has to be in it.
		oldest := 0
		for n, at := range committed[id] {
			if before.Sub(at) > MaxStaleness {
				oldest = n
			}
		}
		newest := begun[id]
		mu.Unlock()
		if got != most || steps != ownSteps {
			t.Errorf("half of a commit: least and most attempts %d and %d of %d steps", got, most, steps)
		}
		if got < oldest || got > newest {
			t.Errorf("task %d: change %d was answered; %d was committed %s before, and %d the last that was begun", id, got, oldest, MaxStaleness, newest)
		}
	}
	writing.Wait()
	return asked
}
