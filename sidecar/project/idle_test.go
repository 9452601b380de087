package project_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// TestWaitersOnAnIdleDatabase commit, one at a time, and ask at once. Nobody
// else writes: what they wait for comes by itself.
func TestWaitersOnAnIdleDatabase(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	l := projecttest.Start(t, url, nil)
	ours := projecttest.OwnTasks(t, l.Conn, "own", 4)
	l.Written(t)
	before := counts(t, l.Conn)

	const sessions, each = 4, 50
	var turn sync.Mutex
	var took []time.Duration
	var all sync.WaitGroup
	for i := range sessions {
		writer, reader := projecttest.Session(t, url, nil), projecttest.Session(t, url, projecttest.ReadMode("wait", 2*time.Second))
		all.Go(func() {
			for n := 1; n <= each; n++ {
				turn.Lock()
				if _, err := writer.Exec(t.Context(), `UPDATE tasker_workflow_steps SET attempts = $2 WHERE task_id = $1`, ours[i], n); err != nil {
					t.Error(err)
				}
				asked := time.Now()
				var got [3]int
				err := reader.QueryRow(t.Context(), `SELECT min(attempts), max(attempts), count(*) FROM get_step_readiness_status($1::bigint, NULL)`, ours[i]).
					Scan(&got[0], &got[1], &got[2])
				took = append(took, time.Since(asked))
				turn.Unlock()
				if err != nil {
					t.Error(err)
					return
				}
				if diff := gocmp.Diff([3]int{n, n, 10}, got); diff != "" {
					t.Errorf("right after its commit: wanted (-), answered (+): least and most attempts, steps\n%s", diff)
				}
			}
			if err := reader.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	t.Logf("waited p50 %s, p90 %s, p99 %s, at most %s", took[len(took)/2], took[len(took)*9/10], took[len(took)*99/100], took[len(took)-1])

	var after map[string]int64
	followtest.Eventually(t, "the answers to be counted", func() bool {
		after = counts(t, l.Conn)
		total := int64(0)
		for cause := range after {
			total += after[cause] - before[cause]
		}
		return total == sessions*each
	})
	if rows := after["rows"] - before["rows"]; rows*100 < sessions*each*95 {
		t.Errorf("%d of %d answers came from rows: %v, before %v", rows, sessions*each, after, before)
	}
}
