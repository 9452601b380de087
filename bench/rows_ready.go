package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// readySQL is what a dispatcher asks.
const readySQL = "SELECT * FROM tasker_sidecar.ready_steps LIMIT 100"

// runReady asks for the steps that are ready longest; then for such as became
// ready by the clock alone, when nothing was written any more.
func runReady(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	set, err := l.millionSet(ctx)
	if err != nil {
		return nil, err
	}
	p, err := l.project(ctx, set)
	if err != nil {
		return nil, err
	}
	conn, err := connect(ctx, set.socket, map[string]string{"search_path": "public"})
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	clock, err := newServerClock(ctx, set)
	if err != nil {
		return nil, err
	}
	defer clock.close()
	measure := func(r *Result) error {
		if err := checkReady(ctx, conn); err != nil {
			return err
		}
		least := pick(l, 30*time.Millisecond, time.Second)
		r.Unit, r.Notes = "ns", []string{clock.note()}
		r.Samples, _, err = Interleave(ctx, l.rounds(), clock.measure(conn, readySQL, func(int) []any { return nil }, least, new(int)), nil, l.round)
		return err
	}
	long, ended := l.result(c), l.result(c)
	ended.Name, ended.What = c.Name+"-backoff", c.What+", whose backoff ended after the last write"
	ended.Subject = ended.What
	if long.Dataset, err = describeReady(ctx, conn, set); err != nil {
		return nil, err
	}
	if err := measure(&long); err != nil {
		return []Result{long}, err
	}
	l.stage("let backoffs end")
	if err := letBackoffsEnd(ctx, p, conn); err != nil {
		return []Result{long}, err
	}
	rows := p.project.Status().Rows
	if ended.Dataset, err = describeReady(ctx, conn, set); err != nil {
		return []Result{long}, err
	}
	err = measure(&ended)
	if now := p.project.Status().Rows; err == nil && now != rows {
		err = fmt.Errorf("%d rows were written after the backoffs had begun", now-rows)
	}
	return []Result{long, ended}, err
}

func describeReady(ctx context.Context, conn *pgx.Conn, set *dataset) (string, error) {
	var ready, candidates int
	err := conn.QueryRow(ctx, "SELECT (SELECT count(*) FROM tasker_sidecar.ready_steps), (SELECT count(*) FROM tasker_sidecar.candidate_rows)").Scan(&ready, &candidates)
	return fmt.Sprintf("%s; %d steps ready, %d in backoff", set.words, ready, candidates-ready), err
}

// checkReady asks the engine about the steps that the view gives.
func checkReady(ctx context.Context, conn *pgx.Conn) error {
	var given, ready int
	err := conn.QueryRow(ctx, `
		WITH given AS (`+readySQL+`)
		SELECT count(*), count(*) FILTER (WHERE engine.ready_for_execution)
		FROM given
		LEFT JOIN get_step_readiness_status_batch((SELECT array_agg(DISTINCT task_id) FROM given)) engine USING (workflow_step_id)`).Scan(&given, &ready)
	if err == nil && (given != 100 || ready != given) {
		err = fmt.Errorf("of 100 steps the view gives %d, and the engine says that %d of them are ready", given, ready)
	}
	return err
}

// letBackoffsEnd makes every step that is ready wait for years, and then some of
// them for so short a time that it passes while nothing is written.
func letBackoffsEnd(ctx context.Context, p *projecting, conn *pgx.Conn) error {
	const most = 5000
	back := func(seconds int, condition string) (int64, error) {
		tag, err := conn.Exec(ctx, `UPDATE tasker_workflow_steps SET last_attempted_at = now() AT TIME ZONE 'UTC', backoff_request_seconds = $1
			WHERE workflow_step_id = ANY (ARRAY(SELECT workflow_step_id FROM tasker_sidecar.candidate_rows WHERE `+condition+` LIMIT $2))`, seconds, most)
		if err != nil {
			return 0, err
		}
		return tag.RowsAffected(), p.reach(ctx, conn)
	}
	for {
		n, err := back(10*365*24*3600, "ready_since <= now() AT TIME ZONE 'UTC'")
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	want, err := back(3, "true")
	if err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	waiting := false
	for {
		var ready int64
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM tasker_sidecar.ready_steps").Scan(&ready); err != nil {
			return err
		}
		switch {
		case ready == 0:
			waiting = true
		case !waiting:
			return errors.New("the backoffs ended before their rows were written")
		case ready == want:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
