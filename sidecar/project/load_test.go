package project_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// maxStaleness is what the sessions in mode fast ask for.
const maxStaleness = time.Second

// TestReadModesUnderLoad asks in every mode while workers work:
//
//	exact   the same as the engine's function, in one REPEATABLE READ snapshot
//	wait    one's own commit, at once
//	fast    the truth of some moment within max_staleness, never half of a commit
//
// and counts where the answers came from.
func TestReadModesUnderLoad(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	stop := play(t, url)
	l := projecttest.Start(t, url, nil)
	l.Projects(t)
	ours := ownTasks(t, l.Conn, 8, 10)

	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	_, fellBefore := answers(t, l.Conn)
	var all sync.WaitGroup
	var asked [3]int
	all.Go(func() { asked[0] = askExact(ctx, t, url) })
	all.Go(func() { asked[1] = askWaiting(ctx, t, url, ours[:4]) })
	all.Go(func() { asked[2] = askFast(ctx, t, url, ours[4:]) })
	all.Wait()
	stop()
	for mode, n := range asked {
		if n < 20 {
			t.Errorf("mode %d: only %d questions were asked", mode, n)
		}
	}
	total := int64(asked[1] + asked[2])
	followtest.Eventually(t, "the answers to be counted", func() bool {
		rows, falls := answers(t, l.Conn)
		for cause, n := range falls {
			rows += n - fellBefore[cause]
		}
		return rows >= total
	})
	rows, falls := answers(t, l.Conn)
	t.Logf("asked %v times; %d answers from rows, others %v (before %v)", asked, rows, falls, fellBefore)
	if rows*100 < total*97 { // 95 % in wait, 99 % in fast
		t.Errorf("%d of %d answers came from rows; others: %v", rows, total, falls)
	}
}

func play(t testing.TB, url string) (stop func()) {
	t.Helper()
	p, err := player.New(pool(t, url, nil), player.Options{
		Workers: 3, Rate: 120, Seed: 1, FailureRate: 0.1, BackoffRate: 0.2, BackoffSeconds: 1, DeathRate: 0.01, RaceRate: 0.05, SplitRate: 0.2, GrowthRate: 0.05,
		Operator: player.Operator{Retry: 3, Resolve: 1, Cancel: 1, Patience: 200 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the player: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// ownTasks makes tasks that nobody else touches.
func ownTasks(t testing.TB, conn *pgx.Conn, tasks, steps int) (ids []int64) {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		WITH space AS (INSERT INTO tasker_task_namespaces (name, created_at, updated_at) VALUES ('own', now(), now()) RETURNING task_namespace_id),
		system AS (INSERT INTO tasker_dependent_systems (name, created_at, updated_at) VALUES ('own', now(), now()) RETURNING dependent_system_id),
		named AS (INSERT INTO tasker_named_tasks (name, task_namespace_id, version, created_at, updated_at)
			SELECT 'own', task_namespace_id, '1', now(), now() FROM space RETURNING named_task_id),
		step AS (INSERT INTO tasker_named_steps (dependent_system_id, name, created_at, updated_at)
			SELECT dependent_system_id, 'own', now(), now() FROM system RETURNING named_step_id),
		task AS (INSERT INTO tasker_tasks (named_task_id, requested_at, identity_hash, created_at, updated_at)
			SELECT named_task_id, now(), 'own' || i, now(), now() FROM named, generate_series(1, $1) i RETURNING task_id),
		steps AS (INSERT INTO tasker_workflow_steps (task_id, named_step_id, attempts, retry_limit, created_at, updated_at)
			SELECT task_id, named_step_id, 0, 1000000, now(), now() FROM task, step, generate_series(1, $2) RETURNING 1)
		SELECT task_id FROM task`, tasks, steps)
	if err != nil {
		t.Fatal(err)
	}
	if ids, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
		t.Fatal(err)
	}
	return ids
}

// path puts the drop-ins before the engine's functions.
func path(mode string) map[string]string {
	return map[string]string{
		"search_path": dropin.Schema + ", public", "tasker_sidecar.read_mode": mode,
		"tasker_sidecar.max_staleness": fmt.Sprint(maxStaleness.Milliseconds()), "tasker_sidecar.wait_timeout": "2s",
	}
}

// askExact compares with the engine's own function, which is asked with its
// schema alone in search_path: under ours, the engine's context function would
// call our readiness function.
func askExact(ctx context.Context, t *testing.T, url string) (asked int) {
	conn := session(t, url, path("exact"))
	const statement = `
		SELECT (SELECT json_agg(r ORDER BY workflow_step_id) FROM get_step_readiness_status($1::bigint, NULL) r)::text,
			(SELECT json_agg(r) FROM get_task_execution_context($1::bigint) r)::text,
			(SELECT json_agg(r ORDER BY workflow_step_id) FROM get_step_readiness_status_batch(ARRAY[$1::bigint]) r)::text`
	for ; ctx.Err() == nil; asked++ {
		err := pgx.BeginTxFunc(t.Context(), conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			var id int64
			if err := tx.QueryRow(t.Context(), `SELECT task_id FROM tasker_tasks ORDER BY task_id DESC OFFSET $1 LIMIT 1`, rand.IntN(8)).Scan(&id); err != nil {
				return err
			}
			var answers [2][3]*string
			for i, schemas := range []string{dropin.Schema + ", public", "public"} {
				if _, err := tx.Exec(t.Context(), "SET LOCAL search_path = "+schemas); err != nil {
					return err
				}
				a := &answers[i]
				if err := tx.QueryRow(t.Context(), statement, pgx.QueryExecModeExec, id).Scan(&a[0], &a[1], &a[2]); err != nil {
					return err
				}
			}
			if diff := gocmp.Diff(answers[1], answers[0]); diff != "" {
				t.Errorf("task %d: engine (-), drop-in (+):\n%s", id, diff)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
			return asked
		}
	}
	return asked
}

// askWaiting changes a task, commits, and asks about it at once.
func askWaiting(ctx context.Context, t *testing.T, url string, tasks []int64) (asked int) {
	writer, reader := session(t, url, nil), session(t, url, path("wait"))
	for n := 1; ctx.Err() == nil; n++ {
		id := tasks[n%len(tasks)]
		if _, err := writer.Exec(t.Context(), `UPDATE tasker_workflow_steps SET attempts = $2 WHERE task_id = $1`, id, n); err != nil {
			t.Error(err)
			return asked
		}
		got, err := attempts(t, reader, id)
		if err != nil {
			t.Error(err)
			return asked
		}
		asked++
		if diff := gocmp.Diff([]int{n, n, 10}, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("task %d right after its commit: wanted (-), answered (+): least and most attempts, steps\n%s", id, diff)
		}
	}
	return asked
}

// attempts are the least and the most of a task's steps, and how many there are.
func attempts(t testing.TB, conn *pgx.Conn, task int64) ([]int, error) {
	var least, most, steps int
	err := conn.QueryRow(t.Context(), `SELECT min(attempts), max(attempts), count(*) FROM get_step_readiness_status($1::bigint, $2::bigint[])`, task, nil).
		Scan(&least, &most, &steps)
	return []int{least, most, steps}, err
}

// askFast asks while somebody changes the tasks, and holds each answer against
// what was committed when.
func askFast(ctx context.Context, t *testing.T, url string, tasks []int64) (asked int) {
	reader := session(t, url, path("fast"))
	var mu sync.Mutex
	committed := map[int64][]time.Time{} // of a task: when the n-th change was known to be committed
	begun := map[int64]int{}             // of a task: the last change that was begun
	for _, id := range tasks {
		committed[id] = []time.Time{{}}
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		writer := session(t, url, nil)
		for n := 0; ctx.Err() == nil; n++ {
			id := tasks[n%len(tasks)]
			mu.Lock()
			begun[id]++
			value := begun[id]
			mu.Unlock()
			if _, err := writer.Exec(t.Context(), `UPDATE tasker_workflow_steps SET attempts = $2 WHERE task_id = $1`, id, value); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			committed[id] = append(committed[id], time.Now())
			mu.Unlock()
		}
	})
	for ; ctx.Err() == nil; asked++ {
		id := tasks[asked%len(tasks)]
		before := time.Now()
		got, err := attempts(t, reader, id)
		if err != nil {
			t.Error(err)
			break
		}
		mu.Lock()
		// What was committed max_staleness before the question has to be in it.
		least := 0
		for n, at := range committed[id] {
			if before.Sub(at) > maxStaleness {
				least = n
			}
		}
		most := begun[id]
		mu.Unlock()
		if got[0] != got[1] || got[2] != 10 {
			t.Errorf("half of a commit: least and most attempts, steps: %v", got)
		}
		if got[0] < least || got[0] > most {
			t.Errorf("task %d: change %d was answered; %d was committed %s before, and %d the last that was begun", id, got[0], least, maxStaleness, most)
		}
	}
	writing.Wait()
	return asked
}
