package projection_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/leader"
	"github.com/tasker-sidecar/tasker-sidecar/projection"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// lab is a database whose index is projected.
type lab struct {
	url      string
	conn     *pgx.Conn
	follower *followtest.Follower
	*project.Project
	stop func()
}

// installed is a database with the engine's side and our schema.
func installed(t testing.TB, o testbed.Options, on ...pgtest.Option) string {
	t.Helper()
	url := followtest.Database(t, o, on...)
	conn := followtest.Connect(t, url)
	if err := schema.Install(t.Context(), conn, schema.Options{}); err != nil {
		t.Fatal(err)
	}
	return url
}

// quick makes everything fast that is slow for a server's sake, and keeps the
// rows of all finished tasks.
func quick(url string) project.Options {
	return project.Options{
		Leader: leader.Options{
			Connect:      func(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, url) },
			PollInterval: 50 * time.Millisecond, LeaseTimeout: 2 * time.Second, RetryMax: 200 * time.Millisecond,
		},
		Projection: projection.Options{DatabaseURL: url, Heartbeat: 100 * time.Millisecond, MinPause: time.Millisecond, KeepFinished: projection.Forever},
	}
}

// newLab follows and projects a database until the test ends.
func newLab(t testing.TB, url string, change func(*replication.Options, *project.Options)) *lab {
	t.Helper()
	following, projecting := followtest.Options(t, url), quick(url)
	projecting.Projection.Logger = following.Logger
	projecting.Leader.Logger = following.Logger
	if change != nil {
		change(&following, &projecting)
	}
	l := &lab{url: url, conn: followtest.Connect(t, url)}
	l.follower = followtest.StartWith(t, following)
	var err error
	if l.Project, err = project.New(l.follower.Follower, projecting); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := l.Run(ctx); err != nil {
			t.Errorf("projecting: %v", err)
		}
	}()
	l.stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(l.stop)
	return l
}

// written waits until the rows reflect everything that is committed.
func (l *lab) written(t testing.TB) {
	t.Helper()
	var text string
	if err := l.conn.QueryRow(t.Context(), "SELECT pg_logical_emit_message(true, 'test', '')::text").Scan(&text); err != nil {
		t.Fatal(err)
	}
	lsn, err := tasker.ParseLSN(text)
	if err != nil {
		t.Fatal(err)
	}
	followtest.Eventually(t, "the rows to reflect "+text, func() bool { return l.Status().Written >= lsn })
}

// same compares the rows with the index, at a quiet point.
func (l *lab) same(t testing.TB) (found []string) {
	t.Helper()
	l.written(t)
	found, err := projection.Compare(t.Context(), l.conn, l.follower.View())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (l *lab) mustBeSame(t testing.TB) {
	t.Helper()
	for _, d := range l.same(t) {
		t.Error(d)
	}
}
