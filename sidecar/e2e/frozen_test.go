package e2e_test

import (
	"context"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// TestFrozenLeader: of two sidecars the one that leads stands still, under load,
// and the other takes over; woken up, it writes nothing any more. By turns it
// stands still wherever it happens to be, and in the middle of a flush.
func TestFrozenLeader(t *testing.T) {
	const rounds = 6
	address := projecttest.Installed(t, testbed.Options{})
	conn, holder := followtest.Connect(t, address), followtest.Connect(t, address)
	keepJournal(t, conn)
	ours := projecttest.OwnTasks(t, conn, "own", 8)
	stopLoad := projecttest.Play(t, address, nil)
	stopWatch := watch(t, address)
	asking, stopAsking := context.WithCancel(t.Context())
	defer stopAsking()
	var askers sync.WaitGroup
	var waited, fast int
	askers.Go(func() { waited = projecttest.AskWaiting(asking, t, address, ours[:4], 200*time.Millisecond) })
	askers.Go(func() { fast = projecttest.AskFast(asking, t, address, ours[4:]) })

	names := [2]string{"side_a", "side_b"}
	var both [2]*process
	var since seen
	vouches := func() bool { s := looked(t, conn); return s.epoch > since.epoch && !s.reconciling }
	for i := range both {
		both[i] = projecting(t, address, names[i], "--leader.transaction-idle-timeout", "500ms", "--leader.lock-timeout", "5s")
		both[i].ready()
		if i == 0 {
			followtest.Eventually(t, "the first one to vouch for rows", vouches)
		}
	}
	const lost = `"not leading any more"`
	leader := 0
	for round := range rounds {
		frozen, name := both[leader], names[leader]
		deposed := strings.Count(frozen.output(), lost)
		written := looked(t, conn).flush
		followtest.Eventually(t, "it to have written for a while", func() bool { return looked(t, conn).flush > written+10 })
		since = looked(t, conn)
		if round%2 == 0 {
			frozen.signal(syscall.SIGSTOP)
		} else {
			heldUp(t, holder, conn, name)
			frozen.signal(syscall.SIGSTOP)
			followtest.Exec(t, holder, `COMMIT`)
		}
		begun := time.Now()
		leader = 1 - leader
		followtest.Eventually(t, "the other one to vouch for rows", vouches)
		t.Logf("round %d: rows are vouched for %s after %s was frozen", round, time.Since(begun).Round(10*time.Millisecond), name)
		frozen.signal(syscall.SIGCONT)
		followtest.Eventually(t, "the woken one to find that it does not lead", func() bool { return strings.Count(frozen.output(), lost) > deposed })
		var late int
		if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM public.journal WHERE writer = $1 AND epoch > $2`, name, since.epoch).Scan(&late); err != nil {
			t.Fatal(err)
		}
		if late > 0 {
			t.Errorf("round %d: %s wrote %d times after it was deposed", round, name, late)
		}
		frozen.ready()
		if t.Failed() {
			t.FailNow()
		}
	}
	stopAsking()
	askers.Wait()
	stopLoad()
	projecttest.SameAsEngine(t, address)
	looks := stopWatch()
	mustHoldInHistory(t, conn)
	rows, falls := projecttest.Answers(t, conn)
	t.Logf("looked %d times; asked %d times in wait, %d in fast: %d from rows, others %v", looks, waited, fast, rows, falls)
	for _, p := range both {
		p.signal(syscall.SIGTERM)
	}
	for _, p := range both {
		if code := p.wait(followtest.Patience); code != exitOK {
			t.Errorf("exit code %d", code)
		}
	}
}
