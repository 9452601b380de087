package matrix

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sql/engine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// The questions that the engine has no function for.

// readyStep is a step that can run now, with what everybody says of it.
type readyStep struct {
	WorkflowStepID int64  `json:"workflow_step_id"`
	TaskID         int64  `json:"task_id"`
	Name           string `json:"name"`
	CurrentState   string `json:"current_state"`
	Attempts       int32  `json:"attempts"`
}

// readySteps is answered for comparison with all of them, by id. To find them
// the engine has to be asked about every task, whatever the limit.
func readySteps() *Question {
	return &Question{
		Name: "ready-steps", What: "the steps of all tasks that can run now, longest ready first", Form: Whole,
		SQL:     "SELECT * FROM get_step_readiness_status_batch($1::BIGINT[])",
		args:    func(a *Args) []any { return []any{a.All} },
		RowsSQL: "SELECT * FROM tasker_sidecar.ready_steps LIMIT $1", rowsArgs: func(a *Args) []any { return []any{a.Limit} },
		database: func(ctx context.Context, d *engine.Database, a *Args) ([]any, error) {
			rows, err := d.StepReadinessBatch(ctx, a.All)
			var ready []readyStep
			for i := range rows {
				if r := &rows[i]; r.ReadyForExecution {
					ready = append(ready, readyStep{r.WorkflowStepID, r.TaskID, r.Name, r.CurrentState, r.Attempts.V})
				}
			}
			return byID(ready), err
		},
		rows: func(ctx context.Context, s *Database, _ *Args) ([]any, error) {
			rows, err := s.conn.Query(ctx, "SELECT workflow_step_id, task_id, name, current_state, attempts FROM tasker_sidecar.ready_steps")
			if err != nil {
				return nil, err
			}
			ready, err := pgx.CollectRows(rows, pgx.RowToStructByPos[readyStep])
			return byID(ready), err
		},
		view: func(v *readiness.View, _ *Args, now tasker.Timestamp) []any {
			return byID(reduced(v.ReadySteps(now, everything, nil)))
		},
		ask: func(v *readiness.View, a *Args, now tasker.Timestamp) {
			kept.ready = v.ReadySteps(now, int(a.Limit), nil)
		},
		path: func(a *Args) string { return fmt.Sprintf("/v1/steps/ready?limit=%d", a.Limit) },
		// decode is nil: a page is not all; see HTTP.ready.
	}
}

func reduced(steps []tasker.ReadyStep) []readyStep {
	ready := make([]readyStep, len(steps))
	for i := range steps {
		s := &steps[i]
		ready[i] = readyStep{s.WorkflowStepID, s.TaskID, s.Name, s.CurrentState, s.Attempts}
	}
	return ready
}

func byID(ready []readyStep) []any {
	slices.SortFunc(ready, func(a, b readyStep) int { return cmp.Compare(a.WorkflowStepID, b.WorkflowStepID) })
	return boxed(ready)
}

// reasons are why a step cannot run, in the order of their codes.
type reasons struct {
	WorkflowStepID int64    `json:"workflow_step_id"`
	TaskID         int64    `json:"task_id"`
	Reasons        []string `json:"reasons"`
}

// mostBlockers is how many of the steps that one waits for are described.
const mostBlockers = 100

func stepReasons() *Question {
	return &Question{
		Name: "step-reasons", What: "why one step cannot run, and what it waits for", Form: Single,
		RowsSQL: "SELECT * FROM tasker_sidecar.why($1)", rowsArgs: func(a *Args) []any { return []any{a.Step} },
		rows: func(ctx context.Context, s *Database, a *Args) ([]any, error) {
			r := reasons{WorkflowStepID: a.Step}
			var task *int64 // NULL: no row tells of it, as of tasks that were finished long ago
			err := s.conn.QueryRow(ctx, `SELECT min(task_id), coalesce(array_agg(reason ORDER BY reason COLLATE "C") FILTER (WHERE reason IS NOT NULL), '{}')
				FROM tasker_sidecar.why($1) WHERE depth = 0`, a.Step).Scan(&task, &r.Reasons)
			if err == nil && task == nil {
				err = errSilent
			}
			if err != nil {
				return nil, err
			}
			r.TaskID = *task
			return []any{r}, nil
		},
		view: func(v *readiness.View, a *Args, now tasker.Timestamp) []any {
			all, ok := v.Reasons(a.Step, now, mostBlockers)
			if !ok {
				return nil
			}
			return []any{codes(&all)}
		},
		ask: func(v *readiness.View, a *Args, now tasker.Timestamp) {
			kept.reasons, _ = v.Reasons(a.Step, now, mostBlockers)
		},
		path: func(a *Args) string { return fmt.Sprintf("/v1/steps/%d/reasons", a.Step) },
		decode: func(body []byte) ([]any, error) {
			var all tasker.StepReasons
			err := json.Unmarshal(body, &all)
			return []any{codes(&all)}, err
		},
	}
}

func codes(all *tasker.StepReasons) reasons {
	r := reasons{WorkflowStepID: all.WorkflowStepID, TaskID: all.TaskID, Reasons: []string{}}
	for i := range all.Reasons {
		r.Reasons = append(r.Reasons, string(all.Reasons[i].Code))
	}
	slices.Sort(r.Reasons)
	return r
}
