package project_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// TestReadModesUnderLoad asks in every mode while workers work:
//
//	exact   the same as the engine's function, in one REPEATABLE READ snapshot
//	wait    one's own commit, at once
//	fast    the truth of some moment within max_staleness, never half of a commit
//
// and counts where the answers came from.
func TestReadModesUnderLoad(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	stop := projecttest.Play(t, url, func(o *player.Options) { o.Rate = 120 })
	l := projecttest.Start(t, url, nil)
	l.Projects(t)
	ours := projecttest.OwnTasks(t, l.Conn, "own", 8)

	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	_, fellBefore := projecttest.Answers(t, l.Conn)
	var all sync.WaitGroup
	var asked [3]int
	all.Go(func() { asked[0] = askExact(ctx, t, url) })
	all.Go(func() { asked[1] = projecttest.AskWaiting(ctx, t, url, ours[:4], 2*time.Second) })
	all.Go(func() { asked[2] = projecttest.AskFast(ctx, t, url, ours[4:]) })
	all.Wait()
	stop()
	for mode, n := range asked {
		if n < 20 {
			t.Errorf("mode %d: only %d questions were asked", mode, n)
		}
	}
	total := int64(asked[1] + asked[2])
	followtest.Eventually(t, "the answers to be counted", func() bool {
		rows, falls := projecttest.Answers(t, l.Conn)
		for cause, n := range falls {
			rows += n - fellBefore[cause]
		}
		return rows >= total
	})
	rows, falls := projecttest.Answers(t, l.Conn)
	t.Logf("asked %v times; %d answers from rows, others %v (before %v)", asked, rows, falls, fellBefore)
	if rows*100 < total*97 { // 95 % in wait, 99 % in fast
		t.Errorf("%d of %d answers came from rows; others: %v", rows, total, falls)
	}
}

// askExact compares with the engine's own function, which is asked with its
// schema alone in search_path: under ours, the engine's context function would
// call our readiness function.
func askExact(ctx context.Context, t *testing.T, url string) (asked int) {
	conn := projecttest.Session(t, url, projecttest.ReadMode("exact", 0))
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
