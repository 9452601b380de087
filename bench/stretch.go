package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// stretch is a piece of log as workers write it: in each transaction a step
// goes from one state to the next, in three changes: its most recent
// transition is put aside, a new one is inserted, its columns follow.
const stretchSQL = `
DO $$
DECLARE
    state text;
    step  bigint;
BEGIN
    FOR pass IN 1 .. %[3]d LOOP
    FOREACH state IN ARRAY ARRAY['in_progress', 'error', 'in_progress', 'complete'] LOOP
        FOR step IN %[1]d .. %[2]d LOOP
            UPDATE tasker_workflow_step_transitions SET most_recent = false, updated_at = now()
             WHERE workflow_step_id = step AND most_recent;
            INSERT INTO tasker_workflow_step_transitions (to_state, from_state, metadata, sort_key, most_recent, workflow_step_id, created_at, updated_at)
            SELECT state, 'pending', '{}', coalesce(max(sort_key), 0) + 10, true, step, now(), now()
              FROM tasker_workflow_step_transitions WHERE workflow_step_id = step;
            UPDATE tasker_workflow_steps
               SET in_process = (state = 'in_progress'), processed = (state = 'complete'),
                   attempts = coalesce(attempts, 0) + (state = 'in_progress')::integer, updated_at = now()
             WHERE workflow_step_id = step;
            COMMIT;
        END LOOP;
    END LOOP;
    END LOOP;
END $$`

// writeStretch writes one that moves this many steps through four states, as
// many steps of a data set as there are, in as many passes as that takes, and
// gives the position behind it.
func writeStretch(ctx context.Context, set *dataset, steps int) (end tasker.LSN, err error) {
	conn, err := pgx.Connect(ctx, set.socket)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var first int64
	if err := conn.QueryRow(ctx, "SELECT min(workflow_step_id) FROM tasker_workflow_steps").Scan(&first); err != nil {
		return 0, err
	}
	// The plans are made for tables as they are now, and those can be empty.
	if _, err := conn.Exec(ctx, "SET enable_seqscan = off"); err != nil {
		return 0, err
	}
	passes := (steps + set.steps - 1) / set.steps
	if _, err := conn.Exec(ctx, fmt.Sprintf(stretchSQL, first, first+int64(steps/passes)-1, passes)); err != nil {
		return 0, fmt.Errorf("write changes: %w", err)
	}
	var text string
	if err := conn.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&text); err != nil {
		return 0, err
	}
	// A commit of its own lies behind the position, so that whoever waits for
	// it need not wait for the server to have something to say.
	if _, err := conn.Exec(ctx, "UPDATE tasker_workflow_steps SET updated_at = now() WHERE workflow_step_id = $1", first); err != nil {
		return 0, err
	}
	return tasker.ParseLSN(text)
}

// applied is how a stretch was applied.
type applied struct {
	changes int
	wall    time.Duration
	cpu     time.Duration // of this process
}

// applyStretch follows a data set, writes a stretch while the stream waits, and
// measures from the moment at which the stream is read until readers see all of
// it. before, if not nil, is called between writing and reading.
func applyStretch(ctx context.Context, set *dataset, steps int, change func(*tasker.Change), before func(end tasker.LSN) error) (*following, applied, error) {
	var a applied
	var end tasker.LSN
	var began time.Time
	var cpu time.Duration
	f, err := follow(ctx, set.url, hooks{
		loaded: func(ctx context.Context) (err error) {
			if end, err = writeStretch(ctx, set, steps); err != nil {
				return err
			}
			if before != nil {
				if err := before(end); err != nil {
					return err
				}
			}
			settle()
			began, cpu = time.Now(), processorTime()
			return nil
		},
		change: func(c *tasker.Change) {
			a.changes++
			if change != nil {
				change(c)
			}
		},
	})
	if err != nil {
		return nil, a, err
	}
	if err := f.wait(ctx, end); err != nil {
		f.stop()
		return nil, a, err
	}
	a.wall, a.cpu = time.Since(began), processorTime()-cpu
	f.stop()
	return f, a, nil
}
