package maintenance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// By is what the metadata of a transition names as who wanted it, before the
// service's name.
const By = "tasker-sidecar/maintenance/"

// What a look under the locks may find instead of what was decided on.
var (
	errOvertaken = errors.New("it has changed since it was decided")
	errAnnounced = errors.New("it was announced in this state already")
	errRaceLost  = errors.New("its worker lost a race, so another may still be at work on it, and the step has no threshold")
)

// notRunningError: the service was paused or has stopped.
type notRunningError struct{ state State }

func (e *notRunningError) Error() string { return "the service is " + string(e.state) }

// earlyError: by the server's clock the wait is not over yet.
type earlyError struct{ left time.Duration }

func (e *earlyError) Error() string { return fmt.Sprintf("its wait is over in %s", e.left) }

// perform does an act, whole or not at all.
func (s *session) perform(ctx context.Context, act agenda.Act) error {
	if act.From == act.To {
		return s.announceInPlace(ctx, act)
	}
	r := writer.Request{
		Kind: statemachine.Task, ID: act.TaskID, To: act.To, ExpectFrom: act.From, ExpectTransition: tasker.Some(act.TaskTransition),
		By: By + act.Service.String(), Reason: act.Reason,
		Metadata: json.RawMessage(fmt.Sprintf(`{"epoch": %d}`, s.lease.Epoch())),
	}
	if act.WorkflowStepID != 0 {
		r.Kind, r.ID, r.ExpectTransition = statemachine.Step, act.WorkflowStepID, tasker.Some(act.StepTransition)
	}
	if act.Service == agenda.Rescuer {
		results, err := json.Marshal(map[string]string{"error": "Its worker is gone: " + act.Reason, "error_class": "TaskerSidecar::StepAbandoned"})
		if err != nil {
			return err
		}
		r.Results = results
	}
	w := s.writer.With(writer.Hooks{
		Begin: func(ctx context.Context, conn *pgx.Conn) (pgx.Tx, error) { return s.lease.Begin(ctx, conn) },
		Check: func(ctx context.Context, tx writer.Tx, _ []writer.Planned) ([]error, error) {
			refusal, err := s.check(ctx, tx, &act)
			return []error{refusal}, err
		},
		Written: func(ctx context.Context, tx writer.Tx, results []writer.Result) error {
			for _, one := range results {
				if err := s.record(ctx, tx, &act, one.TransitionID); err != nil {
					return err
				}
			}
			return nil
		},
	})
	_, err := w.Transition(ctx, r)
	return err
}

// check looks at an act once more, under the locks.
func (s *session) check(ctx context.Context, tx writer.Tx, act *agenda.Act) (refusal, err error) {
	if act.WorkflowStepID == 0 {
		return s.checkTask(ctx, tx, act)
	}
	var state State
	var retryable, processed bool
	var left float64
	var lost *float64
	var taskTransition int64
	err = tx.QueryRow(ctx, s.sql.step, act.WorkflowStepID, act.Service.String(), s.o.LostRaces).Scan(&state, &retryable, &processed, &left, &lost, &taskTransition)
	if err != nil {
		return nil, fmt.Errorf("looking at step %d once more: %w", act.WorkflowStepID, err)
	}
	switch {
	case state != Running:
		return &notRunningError{state}, nil
	case act.Service == agenda.Retrier && !retryable,
		act.Service == agenda.Rescuer && processed,
		act.Service == agenda.Canceller && taskTransition != act.TaskTransition:
		return errOvertaken, nil
	case act.Service == agenda.Retrier && left > 0:
		return &earlyError{seconds(left) + time.Millisecond}, nil
	case act.Service == agenda.Retrier && lost != nil:
		if act.Threshold == 0 {
			return errRaceLost, nil
		}
		if since := seconds(*lost); since < act.Threshold {
			return &earlyError{act.Threshold - since + time.Millisecond}, nil
		}
	}
	return nil, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (s *session) checkTask(ctx context.Context, tx writer.Tx, act *agenda.Act) (refusal, err error) {
	var state State
	var steps int64
	var announced bool
	if err := tx.QueryRow(ctx, s.sql.task, act.TaskID, act.Service.String(), act.TaskTransition).Scan(&state, &steps, &announced); err != nil {
		return nil, fmt.Errorf("looking at task %d once more: %w", act.TaskID, err)
	}
	switch {
	case state != Running:
		return &notRunningError{state}, nil
	case steps != act.StepsTransition:
		return errOvertaken, nil
	case act.Announce && announced:
		return errAnnounced, nil
	}
	return nil, nil
}

// record writes what was done, and announces.
func (s *session) record(ctx context.Context, tx writer.Tx, act *agenda.Act, transitionID int64) error {
	_, err := tx.Exec(ctx, auditSQL, act.Service.String(), act.TaskID, act.WorkflowStepID, act.From, act.To, transitionID, act.Announce, act.Reason, s.lease.Epoch())
	if err != nil {
		return fmt.Errorf("recording the act: %w", explained(err))
	}
	if act.Announce {
		return s.announce(ctx, tx, act, transitionID)
	}
	return nil
}
