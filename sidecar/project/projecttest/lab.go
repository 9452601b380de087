// Package projecttest runs a projecting sidecar for the time of a test, on a
// database with the engine's side and all of ours.
package projecttest

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
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Forever keeps the rows of all finished tasks.
const Forever = 200 * 365 * 24 * time.Hour

// Lab is a database whose index is projected.
type Lab struct {
	URL      string
	Conn     *pgx.Conn
	Follower *followtest.Follower
	*project.Project
	// Stop ends the projection, not the following. The test does it at its end.
	Stop func()
}

// Installed is a database with the engine's side, our schema and the drop-in
// functions.
func Installed(t testing.TB, o testbed.Options, on ...pgtest.Option) string {
	t.Helper()
	return InstalledWith(t, o, schema.Keep, on...)
}

// InstalledWith is Installed with rows of the given persistence.
func InstalledWith(t testing.TB, o testbed.Options, persistence schema.Persistence, on ...pgtest.Option) string {
	t.Helper()
	url := followtest.Database(t, o, on...)
	conn := followtest.Connect(t, url)
	err := schema.Install(t.Context(), conn, schema.Options{Persistence: persistence, Steps: []schema.Step{{Name: "drop-ins", Run: func(ctx context.Context, tx pgx.Tx, engine string) error {
		return dropin.Install(ctx, tx, dropin.Options{Engine: engine, Rules: o.Rules})
	}}}})
	if err != nil {
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
		Projection: projection.Options{DatabaseURL: url, Heartbeat: 100 * time.Millisecond, MinPause: time.Millisecond, KeepFinished: Forever},
	}
}

// Start follows and projects a database until the test ends; change may be nil.
func Start(t testing.TB, url string, change func(*replication.Options, *project.Options)) *Lab {
	t.Helper()
	following, projecting := followtest.Options(t, url), quick(url)
	projecting.Projection.Logger = following.Logger
	projecting.Leader.Logger = following.Logger
	if change != nil {
		change(&following, &projecting)
	}
	l := &Lab{URL: url, Conn: followtest.Connect(t, url)}
	l.Follower = followtest.StartWith(t, following)
	var err error
	if l.Project, err = project.New(l.Follower.Follower, projecting); err != nil {
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
	l.Stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(l.Stop)
	return l
}

// Projects waits until rows are vouched for.
func (l *Lab) Projects(t testing.TB) {
	t.Helper()
	followtest.Eventually(t, "rows to be written", func() bool { return l.Status().State == projection.StateProjecting })
}

// Written waits until the rows reflect everything that is committed.
func (l *Lab) Written(t testing.TB) {
	t.Helper()
	var text string
	// The message is flushed at once, and everything before it.
	if err := l.Conn.QueryRow(t.Context(), "SELECT pg_logical_emit_message(true, 'test', '')::text").Scan(&text); err != nil {
		t.Fatal(err)
	}
	lsn, err := tasker.ParseLSN(text)
	if err != nil {
		t.Fatal(err)
	}
	followtest.Eventually(t, "the rows to reflect "+text, func() bool { return l.Status().Written >= lsn })
}
