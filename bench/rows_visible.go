package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// landing is a commit: when it was sent, and a position in the log behind it.
// The position is asked for in the same message, so it is ahead only by what
// others have written in that moment.
type landing struct {
	sent time.Time
	lsn  tasker.LSN
}

// sighting is that the rows reflect a position, and since when that is known.
type sighting struct {
	at  time.Time
	lsn tasker.LSN
}

// runVisible commits at several rates, one after another; 0 is flat out, and has
// no goal. All but the first have names of their own.
func runVisible(rates ...int) func(context.Context, *lab, *Case) ([]Result, error) {
	return func(ctx context.Context, l *lab, c *Case) ([]Result, error) {
		set, err := l.layeredSet(ctx, pick(l, 1000, 20_000))
		if err != nil {
			return nil, err
		}
		p, err := l.project(ctx, set)
		if err != nil {
			return nil, err
		}
		conns := make([]*pgx.Conn, commitSessions)
		for i := range conns {
			if conns[i], err = pgx.Connect(ctx, set.socket); err != nil {
				return nil, err
			}
			defer conns[i].Close(context.WithoutCancel(ctx))
		}
		var results []Result
		for i, rate := range rates {
			r := l.result(c)
			switch {
			case rate == 0:
				r.Name, r.What, r.Goal = c.Name+"-flat-out", "commit to visible row, commits flat out, p99, from COMMIT sent", nil
			case i > 0:
				r.Name, r.What = fmt.Sprintf("%s-%d", c.Name, rate), fmt.Sprintf("commit to visible row at %d commits/s, p99, from COMMIT sent", rate)
			}
			r.Subject, r.Unit = r.What, "ns"
			err := l.visibleAt(ctx, p, conns, rate, &r)
			if results = append(results, r); err != nil {
				return results, err
			}
		}
		return results, nil
	}
}

// visibleAt takes the rounds at one rate.
func (l *lab) visibleAt(ctx context.Context, p *projecting, conns []*pgx.Conn, rate int, r *Result) error {
	duration := l.span(300*time.Millisecond, 10*time.Second)
	all := NewRecorder()
	var commits, flushes []float64 // per second
	for round := range l.o.Rounds + 1 {
		l.round(round, l.o.Rounds)
		settle()
		before := p.project.Status().Flushes
		one, err := visible(ctx, p, conns, rate, duration)
		if err != nil {
			return err
		}
		if round == 0 {
			continue
		}
		r.Samples = append(r.Samples, float64(one.Quantile(0.99)))
		all.Merge(one)
		commits = append(commits, float64(one.Count())/duration.Seconds())
		flushes = append(flushes, float64(p.project.Status().Flushes-before)/duration.Seconds())
	}
	r.Latency = all.Latency()
	r.Dataset = fmt.Sprintf("%s; %d sessions for %v a round, flat out", p.set.words, commitSessions, duration)
	if rate > 0 {
		r.Dataset = fmt.Sprintf("%s; %d commits/s by %d sessions for %v a round, each at its appointed time", p.set.words, rate, commitSessions, duration)
	}
	r.Notes = []string{fmt.Sprintf("%s commits/s, %s flushes/s", number(Median(commits)), number(Median(flushes)))}
	return nil
}

// visible commits for a while, and takes how long it was from each COMMIT until
// the rows were known to reflect it.
func visible(ctx context.Context, p *projecting, conns []*pgx.Conn, rate int, duration time.Duration) (*Recorder, error) {
	w := watch(p)
	defer w.stop()
	var mu sync.Mutex
	var landings []landing
	err := openLoop(ctx, conns, rate, duration, func(ctx context.Context, conn *pgx.Conn, i int) error {
		one, err := land(ctx, conn, p.set.first+spread(i, p.set.tasks))
		mu.Lock()
		landings = append(landings, one)
		mu.Unlock()
		return err
	})
	if err != nil {
		return nil, err
	}
	// Something lies behind all of them, or the server would have no reason to
	// tell of the last positions.
	if err := p.reach(ctx, conns[0]); err != nil {
		return nil, err
	}
	sightings := w.stop()
	r := NewRecorder()
	for _, one := range landings {
		at, _ := slices.BinarySearchFunc(sightings, one.lsn, func(s sighting, lsn tasker.LSN) int {
			if s.lsn < lsn {
				return -1
			}
			return 1
		})
		if at == len(sightings) {
			return nil, errors.New("rows were written anew during the measurement")
		}
		r.Record(sightings[at].at.Sub(one.sent))
	}
	return r, nil
}

// land moves a step of a task.
func land(ctx context.Context, conn *pgx.Conn, task int64) (l landing, err error) {
	if _, err := conn.Exec(ctx, "BEGIN"); err != nil {
		return l, err
	}
	if _, err := conn.Exec(ctx, `UPDATE tasker_workflow_steps SET in_process = NOT in_process, last_attempted_at = now(), updated_at = now()
		WHERE workflow_step_id = (SELECT max(workflow_step_id) FROM tasker_workflow_steps WHERE task_id = $1)`, task); err != nil {
		return l, err
	}
	l.sent = time.Now()
	results, err := conn.PgConn().Exec(ctx, "COMMIT; SELECT pg_current_wal_insert_lsn()").ReadAll()
	if err != nil {
		return l, err
	}
	l.lsn, err = tasker.ParseLSN(string(results[1].Rows[0][0]))
	return l, err
}

// watcher notes which positions the rows reflect.
type watcher struct {
	quit      chan struct{}
	done      chan struct{}
	once      sync.Once
	sightings []sighting // ascending
}

// watchInterval is how late a position may be noted.
const watchInterval = 200 * time.Microsecond

func watch(p *projecting) *watcher {
	w := &watcher{quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		tick := time.NewTicker(watchInterval)
		defer tick.Stop()
		last := tasker.LSN(0)
		for ended := false; ; {
			if lsn := p.project.Status().Written; lsn > last {
				last = lsn
				w.sightings = append(w.sightings, sighting{time.Now(), lsn})
			}
			if ended {
				return
			}
			select {
			case <-w.quit:
				ended = true
			case <-tick.C:
			}
		}
	}()
	return w
}

// stop gives what was noted; it may be called again.
func (w *watcher) stop() []sighting {
	w.once.Do(func() { close(w.quit) })
	<-w.done
	return w.sightings
}
