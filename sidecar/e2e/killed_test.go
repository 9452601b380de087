package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// kills is how often the sidecar is killed.
const kills = 50

// TestKilledAgainAndAgain: SIGKILL under load, at random moments, as soon as a
// sidecar leads, as soon as it vouches for rows, and in the middle of a flush.
// Whatever it leaves behind, nobody is answered wrong, nothing goes back, and
// the last one puts the rows right.
func TestKilledAgainAndAgain(t *testing.T) {
	address := projecttest.Installed(t, testbed.Options{})
	conn, holder := followtest.Connect(t, address), followtest.Connect(t, address)
	keepJournal(t, conn)
	ours := projecttest.OwnTasks(t, conn, "own", 8)
	var commits atomic.Int64
	stopLoad := projecttest.Play(t, address, func(o *player.Options) { o.OnCommit = func(player.Commit) { commits.Add(1) } })
	stopWatch := watch(t, address)
	asking, stopAsking := context.WithCancel(t.Context())
	defer stopAsking()
	var askers sync.WaitGroup
	var waited, fast int
	askers.Go(func() { waited = projecttest.AskWaiting(asking, t, address, ours[:4], 200*time.Millisecond) })
	askers.Go(func() { fast = projecttest.AskFast(asking, t, address, ours[4:]) })

	var p *process
	var writer string
	var before seen // what its predecessors have left
	leads := func() bool { return looked(t, conn).epoch > before.epoch }
	vouches := func() bool { s := looked(t, conn); return s.epoch > before.epoch && !s.reconciling }
	kill := func() {
		p.signal(syscall.SIGKILL)
		p.wait(followtest.Patience)
	}
	commitsPass := func(n int64) {
		until := commits.Load() + n
		followtest.Eventually(t, "some commits", func() bool { return commits.Load() >= until })
	}
	moments := []struct {
		name string
		kill func()
	}{
		{"at a random moment of its start", func() {
			commitsPass(rand.Int64N(40))
			kill()
		}},
		{"at a random moment of its work", func() {
			followtest.Eventually(t, "it to vouch for rows", vouches)
			commitsPass(rand.Int64N(30))
			kill()
		}},
		{"as soon as it leads", func() {
			followtest.Eventually(t, "it to lead", leads)
			kill()
		}},
		{"as soon as it vouches", func() {
			followtest.Eventually(t, "it to vouch for rows", vouches)
			kill()
		}},
		{"while it writes", func() {
			followtest.Eventually(t, "it to vouch for rows", vouches)
			followtest.Eventually(t, "a write", func() bool {
				var writes bool
				if err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1
					AND backend_xid IS NOT NULL AND query ~ 'tasker_sidecar\.(step_rows|task_rows|dag_rows|candidate_rows|flushes)')`, writer).Scan(&writes); err != nil {
					t.Fatal(err)
				}
				return writes
			})
			kill()
		}},
		{"in a flush", func() {
			followtest.Eventually(t, "it to vouch for rows", vouches)
			pid := heldUp(t, holder, conn, writer)
			mark := ended(t, conn)
			kill()
			followtest.Exec(t, holder, `COMMIT`)
			followtest.Eventually(t, "the session to end", func() bool { return sessions(t, conn, writer) == 0 })
			if now := ended(t, conn); now != mark {
				t.Errorf("what process %d was in the middle of is there: entries %d to %d", pid, mark+1, now)
			}
		}},
	}
	happened := map[string]int{}
	for i := range kills {
		m := moments[i%len(moments)]
		before, writer = looked(t, conn), fmt.Sprintf("killed_%d", i)
		p = projecting(t, address, writer)
		m.kill()
		state := m.name
		switch after := looked(t, conn); {
		case after.epoch == before.epoch:
			state += ", before it led"
		case after.reconciling:
			state += ", while it put rows right"
		default:
			state += ", after it vouched"
		}
		happened[state]++
		if t.Failed() {
			t.Fatalf("after kill %d: %s", i, state)
		}
	}
	t.Logf("%v", happened)

	before = looked(t, conn)
	last := projecting(t, address, "last")
	last.ready()
	followtest.Eventually(t, "the last one to vouch for rows", vouches)
	for i := range kills {
		followtest.Eventually(t, "the sessions of the killed ones to end", func() bool { return sessions(t, conn, fmt.Sprintf("killed_%d", i)) == 0 })
	}
	if l := leftovers(t, conn); l.slots != 1 || l.senders != 1 {
		t.Errorf("beside the last one there are slots or senders: %+v", l)
	}
	stopAsking()
	askers.Wait()
	stopLoad()
	projecttest.SameAsEngine(t, address)
	looks := stopWatch()
	mustHoldInHistory(t, conn)
	rows, falls := projecttest.Answers(t, conn)
	t.Logf("%d commits of workers; looked %d times; asked %d times in wait, %d in fast: %d from rows, others %v", commits.Load(), looks, waited, fast, rows, falls)
	if waited < kills || fast < kills || rows == 0 {
		t.Error("hardly anybody asked")
	}
	last.signal(syscall.SIGTERM)
	if code := last.wait(followtest.Patience); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}
