package derive

import "github.com/tasker-sidecar/tasker-sidecar/tasker"

// Selection names a part of a task's readiness rows.
type Selection string

// The engine's selections. One row can be in several.
const (
	SelectReady                 Selection = "ready"
	SelectBlockedByDependencies Selection = "blocked_by_dependencies"
	SelectBlockedByRetry        Selection = "blocked_by_retry"
	SelectPending               Selection = "pending"
	SelectFailed                Selection = "failed"
	SelectInProgress            Selection = "in_progress"
	SelectComplete              Selection = "complete" // resolved_manually too
)

// Selections lists all of them.
func Selections() []Selection {
	return []Selection{
		SelectReady, SelectBlockedByDependencies, SelectBlockedByRetry,
		SelectPending, SelectFailed, SelectInProgress, SelectComplete,
	}
}

// Has says whether the row belongs to the selection; no row belongs to one
// that is not listed above. A row blocked for two reasons is blocked by its
// dependencies, as [BlockingReason] has it.
func (s Selection) Has(row *tasker.StepReadiness) bool {
	switch s {
	case SelectReady:
		return row.ReadyForExecution
	case SelectBlockedByDependencies:
		return BlockingReason(row).V == DependenciesNotSatisfied
	case SelectBlockedByRetry:
		return BlockingReason(row).V == RetryNotEligible
	case SelectPending:
		return row.CurrentState == tasker.Pending
	case SelectFailed:
		return row.CurrentState == tasker.Error
	case SelectInProgress:
		return row.CurrentState == tasker.InProgress
	case SelectComplete:
		return tasker.Done(row.CurrentState)
	}
	return false
}

// Of gives the rows that belong to the selection, in their order; never nil.
func (s Selection) Of(rows []tasker.StepReadiness) []tasker.StepReadiness {
	selected := []tasker.StepReadiness{}
	for i := range rows {
		if s.Has(&rows[i]) {
			selected = append(selected, rows[i])
		}
	}
	return selected
}
