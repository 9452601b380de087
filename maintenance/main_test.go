package maintenance_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/leader"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// channel is the one on which tests announce.
const channel = "tasks"

// lab is a database with everything installed, followed.
type lab struct {
	t        *testing.T
	url      string
	pool     *pgxpool.Pool
	follower *followtest.Follower
	ahead    atomic.Int64 // how far the injected clock is ahead of the server's
}

func newLab(t *testing.T, on ...pgtest.Option) *lab {
	t.Helper()
	l := &lab{t: t, url: projecttest.Installed(t, testbed.Options{}, on...)}
	l.pool = l.newPool(8)
	l.follower = followtest.Start(t, l.url, nil)
	return l
}

func (l *lab) newPool(most int32) *pgxpool.Pool {
	l.t.Helper()
	config, err := pgxpool.ParseConfig(l.url)
	if err != nil {
		l.t.Fatal(err)
	}
	config.MaxConns = most
	return l.newPoolOf(config)
}

func (l *lab) newPoolOf(config *pgxpool.Config) *pgxpool.Pool {
	l.t.Helper()
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(pool.Close)
	return pool
}

// The lab is what services look at, with the injected clock.
func (l *lab) Current() (*readiness.View, bool) {
	status, view := l.follower.Status(), l.follower.View()
	return view, view != nil && !status.Stale
}
func (l *lab) Changed() <-chan struct{} { return l.follower.Changed() }
func (l *lab) Schema() string           { return l.follower.Status().Schema }
func (l *lab) Now() tasker.Timestamp {
	return l.follower.Now().Add(time.Duration(l.ahead.Load()))
}

// turn turns the injected clock forward.
func (l *lab) turn(d time.Duration) { l.ahead.Add(int64(d)) }

func acting(services ...agenda.Service) maintenance.Options {
	o := maintenance.Options{Agenda: agenda.Options{QuietPeriod: time.Minute, Thresholds: map[string]time.Duration{"step_1": time.Hour, "step_2": time.Hour}}, Channel: channel}
	for _, s := range agenda.Services() {
		o.Agenda.Modes[s] = agenda.Off
	}
	for _, s := range services {
		o.Agenda.Modes[s] = agenda.Acts
	}
	return o
}

// leads is a maintainer that leads until stop.
type leads struct {
	*maintenance.Maintainer
	elector *leader.Elector
	stop    func()
}

// lead lets services run. Everything that is slow for a server's sake is quick.
func (l *lab) lead(o maintenance.Options) *leads {
	l.t.Helper()
	o.Pool, o.CheckInterval, o.MinPause = l.pool, 20*time.Millisecond, time.Millisecond
	if o.RetryPause == 0 {
		o.RetryPause = 50 * time.Millisecond
	}
	if o.Logger == nil && testing.Verbose() {
		o.Logger = hclog.New(&hclog.LoggerOptions{Output: logWriter{l.t}, Level: hclog.Debug})
	}
	m, err := maintenance.New(o, l)
	if err != nil {
		l.t.Fatal(err)
	}
	out := &leads{Maintainer: m}
	out.elector, err = leader.New(leader.Options{
		Connect:      func(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, l.url) },
		PollInterval: 20 * time.Millisecond, LeaseTimeout: 2 * time.Second,
	}, m.Lead)
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := out.elector.Run(ctx); err != nil {
			l.t.Error(err)
		}
	})
	out.stop = func() { cancel(); running.Wait() }
	l.t.Cleanup(out.stop)
	return out
}

// looked waits until all tasks have been looked at, with all that is committed.
func (l *lab) looked(m *leads) {
	l.t.Helper()
	conn := l.conn()
	defer conn.Release()
	l.follower.Reach(l.t, conn.Conn())
	reached := l.follower.View().LSN()
	followtest.Eventually(l.t, "all tasks to be looked at", func() bool { s := m.Status(); return s.Leading && s.Complete && s.LSN >= reached })
}

func (l *lab) conn() *pgxpool.Conn {
	l.t.Helper()
	conn, err := l.pool.Acquire(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return conn
}

type logWriter struct{ t *testing.T }

func (w logWriter) Write(p []byte) (int, error) {
	defer func() { _ = recover() }() // a line after the end of the test
	w.t.Log(string(p[:len(p)-1]))
	return len(p), nil
}

// play plays to the end; what hangs then hangs for ever.
func (l *lab) play(o player.Options) player.Counters {
	l.t.Helper()
	o.Workers = max(o.Workers, 1)
	p, err := player.New(l.pool, o)
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(l.t.Context(), followtest.Patience)
	defer cancel()
	if err := p.Run(ctx); err != nil || ctx.Err() != nil {
		l.t.Fatalf("playing: %v, %v", err, ctx.Err())
	}
	return p.Counters()
}

// workers are at work on what is announced until the test ends.
func (l *lab) workers(o player.Options) *player.Player {
	l.t.Helper()
	o.Stay, o.Clock = true, playerClock{l}
	p, err := player.New(l.newPool(int32(o.Workers)), o) //nolint:gosec // a few
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			l.t.Error(err)
		}
	})
	conn, err := pgx.Connect(ctx, l.url)
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		l.t.Fatal(err)
	}
	running.Go(func() {
		defer conn.Close(context.Background())
		for {
			n, err := conn.WaitForNotification(ctx)
			if err != nil {
				return
			}
			id, err := strconv.ParseInt(n.Payload, 10, 64)
			if err != nil {
				l.t.Error(err)
				return
			}
			p.Enqueue(id)
		}
	})
	l.t.Cleanup(func() { cancel(); running.Wait() })
	return p
}

func chain(n int, change ...func(*workload.Workflow)) []workload.Share[workload.Source] {
	w := workload.Chain(n)
	for _, c := range change {
		c(w)
	}
	return []workload.Share[workload.Source]{{Percent: 100, Of: workload.Always(w)}}
}

// histories are what the only task and its steps went through, the task's first.
func (l *lab) histories() []string {
	l.t.Helper()
	rows, err := l.pool.Query(l.t.Context(), `
		SELECT coalesce((SELECT string_agg(to_state, ' ' ORDER BY sort_key) FROM tasker_task_transitions x WHERE x.task_id = t.task_id), '')
		FROM tasker_tasks t
		UNION ALL (SELECT coalesce((SELECT string_agg(to_state, ' ' ORDER BY sort_key) FROM tasker_workflow_step_transitions x WHERE x.workflow_step_id = s.workflow_step_id), '')
			FROM tasker_workflow_steps s ORDER BY workflow_step_id)`)
	if err != nil {
		l.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		l.t.Fatal(err)
	}
	return list
}

// becomes waits for the histories to be those.
func (l *lab) becomes(want ...string) {
	l.t.Helper()
	var got []string
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for got = l.histories(); fmt.Sprint(got) != fmt.Sprint(want); got = l.histories() {
		if time.Now().After(deadline) {
			l.t.Fatalf("histories %q, want %q", got, want)
		}
		<-tick.C
	}
}

func value[T any](t testing.TB, pool *pgxpool.Pool, sql string, args ...any) (v T) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func (l *lab) exec(statements ...string) {
	l.t.Helper()
	for _, s := range statements {
		if _, err := l.pool.Exec(l.t.Context(), s); err != nil {
			l.t.Fatalf("%s: %v", s, err)
		}
	}
}

// agedSQL makes everything as old as it would be after so many seconds.
const agedSQL = `
	UPDATE tasker_workflow_step_transitions SET created_at = created_at - make_interval(secs => %[1]d);
	UPDATE tasker_task_transitions SET created_at = created_at - make_interval(secs => %[1]d);
	UPDATE tasker_workflow_steps SET last_attempted_at = last_attempted_at - make_interval(secs => %[1]d), created_at = created_at - make_interval(secs => %[1]d)`

func (l *lab) age(d time.Duration) {
	l.t.Helper()
	conn := l.conn()
	defer conn.Release()
	followtest.Exec(l.t, conn.Conn(), fmt.Sprintf(agedSQL, int(d.Seconds())))
}

// playerClock is the injected clock for those who work.
type playerClock struct{ l *lab }

func (c playerClock) Now() time.Time { return time.Now().Add(time.Duration(c.l.ahead.Load())) }

func (c playerClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
