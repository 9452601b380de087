package leader

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// actor is a session that is given statements, some of which wait for others.
type actor struct {
	conn *pgx.Conn
	pid  uint32
	todo []func(a *actor, last int64) string // the statement, by the rows of the last one; "" for nothing more
	busy chan int64                          // brings the rows of the statement that runs; nil: none does
	last int64
	said []int64 // the rows of all its statements
}

// settle waits until the statement that runs has ended, or is known to wait
// for a lock.
func (a *actor) settle(t *testing.T, observer *pgx.Conn) (waits bool) {
	t.Helper()
	for a.busy != nil {
		select {
		case a.last = <-a.busy:
			a.said = append(a.said, a.last)
			a.busy = nil
			return false
		default:
		}
		if value[bool](t, observer, "SELECT cardinality(pg_blocking_pids($1)) > 0", a.pid) {
			return true
		}
	}
	return false
}

// step runs the next statement.
func (a *actor) step(t *testing.T, observer *pgx.Conn) {
	t.Helper()
	next := a.todo[0]
	a.todo = a.todo[1:]
	sql := next(a, a.last)
	if sql == "" {
		a.todo = nil
		return
	}
	done := make(chan int64, 1)
	a.busy = done
	go func() {
		tag, err := a.conn.Exec(context.Background(), sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
		}
		done <- tag.RowsAffected()
	}()
	a.settle(t, observer)
}

func always(sql string) func(*actor, int64) string {
	return func(*actor, int64) string { return sql }
}

// TestFenceInterleavings goes through every order in which the steps of a write
// transaction of epoch 1 and those of the transaction that raises it to 2 can
// come, either of them committed or rolled back: once the raise is committed, no
// write of epoch 1 is. That is so for our fence and for an UPDATE; that a plain
// SELECT fails shows that the test can tell.
func TestFenceInterleavings(t *testing.T) {
	address := installed(t)
	observer, old, next := connectTo(t, address), connectTo(t, address), connectTo(t, address)
	o, err := quick(address, "old").withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	ours := fenceSQL(&o, Term{Epoch: 1, Holder: "old"})
	settings := ours[:strings.Index(ours, "SELECT")]
	for _, fence := range []struct {
		name, sql string
		holds     bool
	}{
		{"ours", ours, true},
		{"UPDATE", settings + "UPDATE tasker_sidecar.leader SET epoch = epoch WHERE epoch = 1 AND holder = 'old'", true},
		{"plain SELECT", settings + "SELECT FROM tasker_sidecar.leader WHERE epoch = 1 AND holder = 'old'", false},
	} {
		leaks, runs := 0, 0
		for _, oldEnd := range []string{"COMMIT", "ROLLBACK"} {
			for _, nextEnd := range []string{"COMMIT", "ROLLBACK"} {
				for order := range 1 << 6 {
					if strings.Count(fmt.Sprintf("%06b", order), "1") != 3 {
						continue
					}
					runs++
					execute(t, observer, "UPDATE tasker_sidecar.leader SET epoch = 1, holder = 'old'")
					execute(t, observer, "TRUNCATE written")
					writer := &actor{conn: old, pid: old.PgConn().PID(), todo: []func(*actor, int64) string{
						always("BEGIN; " + fence.sql),
						func(a *actor, last int64) string {
							if last == 0 { // refused
								a.todo = nil
								return "ROLLBACK"
							}
							return "INSERT INTO written (epoch) VALUES (1)"
						},
						always(oldEnd),
					}}
					after := int64(-1) // what was written when the raise was committed
					raiser := &actor{conn: next, pid: next.PgConn().PID(), todo: []func(*actor, int64) string{
						always("BEGIN; UPDATE tasker_sidecar.leader SET epoch = epoch + 1, holder = 'new'"),
						always("INSERT INTO written (epoch) VALUES (2)"),
						always(nextEnd),
					}}
					look := func() {
						if len(raiser.todo) == 0 && raiser.busy == nil && after < 0 && nextEnd == "COMMIT" {
							after = value[int64](t, observer, "SELECT count(*) FROM written WHERE epoch = 1")
						}
					}
					// Whose turn comes while he waits comes later; the one he
					// waits for always can go on.
					turns := []*actor{}
					for i := range 6 {
						turns = append(turns, []*actor{writer, raiser}[order>>i&1])
					}
					for len(turns) > 0 {
						a := turns[0]
						turns = turns[1:]
						switch {
						case a.settle(t, observer):
							turns = append(turns, a)
						case len(a.todo) > 0:
							a.step(t, observer)
						}
						writer.settle(t, observer)
						raiser.settle(t, observer)
						look()
					}
					got := value[int64](t, observer, "SELECT count(*) FROM written WHERE epoch = 1")
					if after >= 0 && got != after {
						leaks++
						if fence.holds {
							t.Errorf("%s, order %06b, %s and %s: %d writes of epoch 1 after the raise", fence.name, order, oldEnd, nextEnd, got-after)
						}
					}
					// The fence lets through exactly who came before a raise, or
					// after one that was rolled back.
					refused := writer.said[0] == 0
					if fence.holds && refused && nextEnd == "ROLLBACK" {
						t.Errorf("%s, order %06b: refused though nobody raised the epoch", fence.name, order)
					}
					if epoch := value[int64](t, observer, "SELECT epoch FROM tasker_sidecar.leader"); (epoch == 2) != (nextEnd == "COMMIT") {
						t.Errorf("%s, order %06b, %s: epoch %d", fence.name, order, nextEnd, epoch)
					}
				}
			}
		}
		t.Logf("%s: %d orders, %d with writes by the deposed", fence.name, runs, leaks)
		if !fence.holds && leaks == 0 {
			t.Error("the test does not see the writes that a plain SELECT lets through")
		}
	}
}
