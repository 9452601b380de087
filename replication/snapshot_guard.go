package replication

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// guardSQL runs in a session of its own as long as any of the loading sessions
// lives. It ends them all, with the slot's, when the probing session has been
// idle for too long: then this process stands still, or the link is cut, and
// none of the server's own timeouts applies to a session that waits to send a
// row or to be told the next command while it exports a snapshot. Each round is
// a transaction of its own, so that it holds nothing back.
const guardSQL = `
DO $guard$
DECLARE
    loading constant integer[] := ARRAY[%[1]s]::integer[];
    watched constant integer := %[2]d;
    late boolean;
BEGIN
    LOOP
        PERFORM pg_sleep(%[4]g);
        COMMIT;
        EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ANY (loading));
        SELECT coalesce(clock_timestamp() - state_change > interval '%[3]d milliseconds', false)
          INTO late FROM pg_stat_activity WHERE pid = watched;
        IF late IS DISTINCT FROM false THEN
            PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ANY (loading || ARRAY[%[5]s]::integer[]);
            EXIT;
        END IF;
    END LOOP;
END
$guard$`

// guard ends the sessions on the server should this process stand still.
type guard struct {
	conn   *pgconn.PgConn
	cancel context.CancelFunc
	done   chan struct{}
}

// startGuard watches over the loading sessions and the slot's as long as the
// probing one is heard of at least every patience.
func startGuard(ctx context.Context, d *dialer, loading []uint32, slot, probing uint32, patience time.Duration) (*guard, error) {
	conn, err := d.session(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	g := &guard{conn: conn.PgConn(), cancel: cancel, done: make(chan struct{})}
	sql := fmt.Sprintf(guardSQL, pidList(loading), probing, patience.Milliseconds(), min(1, patience.Seconds()/4), pidList([]uint32{slot}))
	go func() {
		defer close(g.done)
		// Its end tells nothing: the sessions that it ends tell.
		_, _ = g.conn.Exec(ctx, sql).ReadAll()
		closeSession(g.conn)
	}()
	return g, nil
}

// stop ends the watch.
func (g *guard) stop() {
	g.cancel() // cancels the statement, too
	<-g.done
}

func pidList(pids []uint32) string {
	s := make([]string, len(pids))
	for i, pid := range pids {
		s[i] = fmt.Sprint(pid)
	}
	return strings.Join(s, ", ")
}
