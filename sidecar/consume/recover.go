package consume

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tasker-sidecar/tasker-sidecar/events"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

//go:embed recover.sql
var recoverSQL string

// oldest is how many transactions back a horizon may lie: numbers are compared
// by 32 of their bits.
const oldest = 1<<31 - 1<<24

// tooOldError says that the tables cannot tell what is new.
type tooOldError struct{ why string }

func (e *tooOldError) Error() string { return e.why }

// recovered tells every transition that is not before the horizon to tell, and
// returns the horizon of the snapshot that it read: what is before that is told.
// end is the first transaction that the snapshot knows nothing of.
func recovered(ctx context.Context, conn *pgx.Conn, schema string, from mark, limit time.Duration, tell func([]events.Event) error) (to mark, end int64, err error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return mark{}, 0, fmt.Errorf("recovering events: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	// What the sink does counts too: the statement ends when its last row is taken.
	if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL statement_timeout = %d", limit.Milliseconds())); err != nil {
		return mark{}, 0, fmt.Errorf("recovering events: %w", err)
	}
	if to, end, err = snapshot(ctx, tx); err != nil {
		return mark{}, 0, err
	}
	switch {
	case from.cluster != to.cluster:
		return to, end, &tooOldError{"the watermark is of another cluster (the database was restored from a dump, or upgraded)"}
	case from.horizon > end:
		return to, end, &tooOldError{"the watermark is ahead of the database, which was set back"}
	case end-from.horizon > oldest:
		return to, end, &tooOldError{"the watermark is too many transactions old"}
	}
	engine := pgx.Identifier{schema}.Sanitize()
	rows, err := tx.Query(ctx, strings.ReplaceAll(recoverSQL, "@engine@", engine), strconv.FormatUint(uint64(uint32(from.horizon)), 10)) //nolint:gosec // the lower half is meant
	if err != nil {
		return mark{}, 0, explainRights(err)
	}
	defer rows.Close()
	var list []events.Event
	for rows.Next() {
		var r row
		if err := r.scan(rows); err != nil {
			return mark{}, 0, fmt.Errorf("recovering events: %w", err)
		}
		tx := events.Transaction{At: r.transition.At, Recovered: true, Transitions: []events.Transition{r.transition}}
		if list, _ = events.Derive(list[:0], &tx, &r); len(list) > 0 {
			if err := tell(list); err != nil {
				return mark{}, 0, err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return mark{}, 0, explainRights(err)
	}
	return to, end, nil
}

// ErrRights is returned where the role may not read what recovering needs.
var ErrRights = errors.New("recovering events reads more than following does: the owner of the tables grants it by the script that tasker-sidecar doctor --sql prints")

func explainRights(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == pgerrcode.InsufficientPrivilege {
		return fmt.Errorf("%w: %w", ErrRights, err)
	}
	return fmt.Errorf("recovering events: %w", err)
}

// row is a transition as the tables tell it, and an [events.Source] about it: of
// what it was like at the time, only what a history keeps.
type row struct {
	transition events.Transition
	before     events.State
	task       events.Task
	step       events.Step
}

func (r *row) scan(rows pgx.Rows) error {
	var kind int
	var at, since pgtype.Timestamp
	var before, stepName, taskName *string
	var taskID *int64
	t := &r.transition
	if err := rows.Scan(&kind, &t.ID, &t.ParentID, &t.To, &at, &before, &since, &taskID, &stepName, &taskName); err != nil {
		return err
	}
	t.Kind, t.At = statemachine.Kind(kind), instant(at) //nolint:gosec // 1 or 2
	if before != nil {
		r.before = events.State{Name: *before, Since: instant(since)}
	}
	r.step.TaskID, r.step.Name, r.task.Name = null(taskID), null(stepName), null(taskName)
	return nil
}

func instant(t pgtype.Timestamp) tasker.Timestamp {
	switch {
	case !t.Valid:
		return tasker.NoTime
	case t.InfinityModifier == pgtype.Infinity:
		return tasker.Infinity
	case t.InfinityModifier == pgtype.NegativeInfinity:
		return tasker.NegativeInfinity
	}
	return tasker.TimestampOf(t.Time)
}

func null[T comparable](v *T) tasker.Null[T] {
	if v == nil {
		return tasker.Null[T]{}
	}
	return tasker.Some(*v)
}

// Before implements [events.Source].
func (r *row) Before(statemachine.Kind, int64) events.State { return r.before }

// Task implements [events.Source].
func (r *row) Task(int64) events.Task { return r.task }

// Step implements [events.Source].
func (r *row) Step(int64) events.Step { return r.step }

// told hands recovered events to a sink, as entries.
func told(sink Sink, filter announce.Filter) func([]events.Event) error {
	return func(list []events.Event) error {
		for i := range list {
			if e := announce.Encode(&list[i]); filter.Wants(&e) {
				if err := sink.Write(e.Data); err != nil {
					return fmt.Errorf("%w: %w", errSink, err)
				}
			}
		}
		return nil
	}
}
