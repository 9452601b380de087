package api

import (
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/verify"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/tasker/derive"
)

// The bodies of answers. A single row lies beside the envelope, a list under
// one key.

// StepRow is a row of get_step_readiness_status.
type StepRow struct {
	tasker.StepReadiness
	Derived *DerivedStep `json:"derived,omitempty" doc:"With derived=true."`
}

// DerivedStep is what the engine derives from a readiness row.
type DerivedStep struct {
	BlockingReason          tasker.Null[string]   `json:"blocking_reason" doc:"The first reason by the engine's names; unknown where it has no name for it. The truth is under reasons."`
	TimeUntilReady          tasker.Null[int64]    `json:"time_until_ready" doc:"Seconds."`
	DependencyStatus        string                `json:"dependency_status"`
	RetryStatus             string                `json:"retry_status"`
	BackoffType             string                `json:"backoff_type"`
	EffectiveBackoffSeconds int64                 `json:"effective_backoff_seconds"`
	DetailedStatus          derive.DetailedStatus `json:"detailed_status"`
	NextBackoff             *derive.Wait          `json:"next_backoff,omitempty" doc:"The wait that the engine's code asks for if the next attempt fails, by engine.backoff. Absent when the step is done. When the step is ready is told by next_retry_at alone."`
	Reasons                 []tasker.Reason       `json:"reasons" doc:"Every reason why the step cannot run now."`
}

// StepsAnswer is the readiness of a task's steps.
type StepsAnswer struct {
	Envelope
	TaskID  int64                        `json:"task_id"`
	Steps   []StepRow                    `json:"steps"`
	Derived map[derive.Selection][]int64 `json:"derived,omitempty" doc:"With derived=true: the ids of the steps in each selection."`
}

// StepsOfTasksAnswer is the readiness of the steps of several tasks.
type StepsOfTasksAnswer struct {
	Envelope
	Steps   []StepRow                    `json:"steps" doc:"By id; each task once."`
	Derived map[derive.Selection][]int64 `json:"derived,omitempty" doc:"With derived=true: the ids of the steps in each selection."`
}

// StepAnswer is the readiness of one step.
type StepAnswer struct {
	Envelope
	StepRow
}

// ContextRow is a row of get_task_execution_context.
type ContextRow struct {
	tasker.TaskExecutionContext
	Derived *DerivedContext `json:"derived,omitempty" doc:"With derived=true."`
}

// DerivedContext is what the engine derives from an execution context.
type DerivedContext struct {
	derive.ContextFlags
	WorkflowSummary   derive.WorkflowSummary `json:"workflow_summary"`
	NextActionDetails derive.NextAction      `json:"next_action_details"`
	ReenqueueDelay    int64                  `json:"reenqueue_delay_seconds" doc:"In how many seconds the engine's code would look at the task again, by engine.backoff."`
	BatchTimeout      tasker.Null[int64]     `json:"batch_timeout_seconds" doc:"How many seconds a batch of all its ready steps may take, by engine.execution. Null without a ready step."`
}

// ContextAnswer is the execution context of one task.
type ContextAnswer struct {
	Envelope
	ContextRow
}

// ContextsAnswer is those of several.
type ContextsAnswer struct {
	Envelope
	Contexts []ContextRow `json:"contexts"`
}

// ContextsRequest is the body of POST /v1/contexts.
type ContextsRequest struct {
	TaskIDs []int64 `json:"task_ids" doc:"A task named twice is answered twice; unknown ones are left out."`
}

// LevelsAnswer is the dependency levels of a task and its cycles.
type LevelsAnswer struct {
	Envelope
	TaskID  int64                    `json:"task_id"`
	Levels  []tasker.DependencyLevel `json:"levels" doc:"Ordered by level, then step. Steps on a cycle, or behind one only, have none."`
	Cycles  []tasker.Cycle           `json:"cycles" doc:"The sets of steps that wait for each other, and so never run."`
	Derived *DerivedLevels           `json:"derived,omitempty" doc:"With derived=true."`
}

// DerivedLevels is what the engine derives from dependency levels.
type DerivedLevels struct {
	LevelByStep  map[int64]int32 `json:"level_by_step"`
	HighestLevel int32           `json:"highest_level"`
	StepsByLevel [][]int64       `json:"steps_by_level" doc:"The ids of the steps at level 0, 1, …"`
	RootSteps    []int64         `json:"root_steps"`
}

// StepReasonsAnswer says why one step cannot run.
type StepReasonsAnswer struct {
	Envelope
	tasker.StepReasons
}

// TaskReasonsAnswer says it of every step of a task that is not ready.
type TaskReasonsAnswer struct {
	Envelope
	TaskID int64                `json:"task_id"`
	Steps  []tasker.StepReasons `json:"steps" doc:"The steps that are neither ready nor done, by id."`
	Next   string               `json:"next,omitempty" doc:"Where the list goes on: give it as after. Absent at the end."`
}

// ReadyStepsAnswer is the steps that can run now.
type ReadyStepsAnswer struct {
	Envelope
	Steps []tasker.ReadyStep `json:"steps" doc:"Longest ready first, then by id."`
	Next  string             `json:"next,omitempty" doc:"Where the list goes on: give it as after. Absent at the end."`
}

// SlowestTasksAnswer is rows of get_slowest_tasks_v01.
type SlowestTasksAnswer struct {
	Envelope
	Tasks []tasker.SlowestTask `json:"tasks" doc:"Longest first."`
}

// SlowestStepsAnswer is rows of get_slowest_steps_v01.
type SlowestStepsAnswer struct {
	Envelope
	Steps []tasker.SlowestStep `json:"steps" doc:"Longest first."`
}

// DAGAnswer is rows of tasker_step_dag_relationships.
type DAGAnswer struct {
	Envelope
	Steps []tasker.StepDAGRelationship `json:"steps"`
}

// HealthCountsAnswer is the row of get_system_health_counts_v01.
type HealthCountsAnswer struct {
	Envelope
	tasker.SystemHealthCounts
	ConnectionsError string         `json:"connections_error,omitempty" doc:"Why the two connection counts are null, when they are."`
	Derived          *DerivedHealth `json:"derived,omitempty" doc:"With derived=true."`
}

// DerivedHealth is what the engine derives from health counts. What needs the
// connection counts is null without them.
type DerivedHealth struct {
	Rates                 derive.HealthRates   `json:"rates" doc:"Shares of all tasks and of all steps, 0 to 1."`
	ConnectionUtilization tasker.Null[float64] `json:"connection_utilization"`
	HealthScore           tasker.Null[float64] `json:"health_score" doc:"0 to 1."`
	HeavyLoad             tasker.Null[bool]    `json:"heavy_load"`
	Unhealthy             tasker.Null[bool]    `json:"unhealthy"`
	Concurrency           derive.Concurrency   `json:"concurrency" doc:"How many steps to run side by side, by engine.execution."`
}

// AnalyticsAnswer is the row of get_analytics_metrics_v01.
type AnalyticsAnswer struct {
	Envelope
	tasker.AnalyticsMetrics
}

// StatusAnswer is everything that there is to tell about the process.
type StatusAnswer struct {
	Envelope
	Status
}

// VerifyAnswer is the report of a comparison with the database; its as_of_lsn
// is the position up to which the index was then.
type VerifyAnswer struct {
	verify.Report
	StalenessMS int64  `json:"staleness_ms" doc:"How old answers may be."`
	Stale       bool   `json:"stale" doc:"True when the sidecar cannot vouch for its answers."`
	StaleCause  string `json:"stale_cause,omitempty" doc:"Why it cannot."`
}

// AliveAnswer says that the process serves.
type AliveAnswer struct {
	Status string `json:"status" doc:"alive"`
}

// ReadyAnswer says that answers are given and vouched for.
type ReadyAnswer struct {
	Status      string     `json:"status" doc:"ready"`
	AsOfLSN     tasker.LSN `json:"as_of_lsn"`
	StalenessMS int64      `json:"staleness_ms"`
}

func (r *reading) deriveStep(row *tasker.StepReadiness) *DerivedStep {
	reasons := []tasker.Reason{}
	if found, ok := r.Reasons(row.WorkflowStepID, r.now, -1); ok && found.Reasons != nil {
		reasons = found.Reasons
	}
	derived := &DerivedStep{
		BlockingReason:          derive.BlockingReason(row),
		TimeUntilReady:          derive.TimeUntilReady(row, r.now),
		DependencyStatus:        derive.DependencyStatus(row),
		RetryStatus:             derive.RetryStatus(row),
		BackoffType:             derive.BackoffType(row),
		EffectiveBackoffSeconds: derive.EffectiveBackoffSeconds(row),
		DetailedStatus:          derive.DetailedStatusOf(row, r.now),
		Reasons:                 reasons,
	}
	if !tasker.Done(row.CurrentState) {
		backoff := r.formulas(row.TaskID, row.Name).Backoff
		wait := backoff.After(int64(row.Attempts.Or(0)) + 1)
		derived.NextBackoff = &wait
	}
	return derived
}

func (r *reading) deriveSteps(rows []tasker.StepReadiness) []StepRow {
	derived := make([]StepRow, len(rows))
	for i := range rows {
		derived[i] = StepRow{rows[i], r.deriveStep(&rows[i])}
	}
	return derived
}

func deriveSelections(rows []tasker.StepReadiness) map[derive.Selection][]int64 {
	out := make(map[derive.Selection][]int64)
	for _, selection := range derive.Selections() {
		ids := []int64{}
		for i := range rows {
			if selection.Has(&rows[i]) {
				ids = append(ids, rows[i].WorkflowStepID)
			}
		}
		out[selection] = ids
	}
	return out
}

func (r *reading) deriveContext(c *tasker.TaskExecutionContext) *DerivedContext {
	by := r.formulas(c.TaskID, "")
	derived := &DerivedContext{
		ContextFlags: derive.ContextFlagsOf(c), WorkflowSummary: derive.WorkflowSummaryOf(c), NextActionDetails: derive.NextActionOf(c),
		ReenqueueDelay: by.Backoff.ReenqueueDelay(c.ExecutionStatus, r.StepReadiness(c.TaskID, nil, r.now), r.now),
	}
	if c.ReadySteps > 0 {
		derived.BatchTimeout = tasker.Some(by.Execution.BatchTimeoutSeconds(c.ReadySteps))
	}
	return derived
}

func deriveLevels(levels []tasker.DependencyLevel) *DerivedLevels {
	d := &DerivedLevels{
		LevelByStep:  derive.LevelByStep(levels),
		HighestLevel: derive.HighestLevel(levels),
		StepsByLevel: [][]int64{},
		RootSteps:    derive.RootSteps(levels),
	}
	for _, l := range levels { // ordered by level, and no level is left out
		if int(l.DependencyLevel) == len(d.StepsByLevel) {
			d.StepsByLevel = append(d.StepsByLevel, nil)
		}
		last := len(d.StepsByLevel) - 1
		d.StepsByLevel[last] = append(d.StepsByLevel[last], l.WorkflowStepID)
	}
	return d
}

func (r *reading) deriveHealth(c *tasker.SystemHealthCounts) *DerivedHealth {
	execution := r.options.Formulas(Scope{}).Execution
	return &DerivedHealth{
		Rates:                 derive.HealthRatesOf(c),
		ConnectionUtilization: derive.ConnectionUtilization(c),
		HealthScore:           derive.HealthScore(c),
		HeavyLoad:             derive.HeavyLoad(c),
		Unhealthy:             derive.Unhealthy(c),
		Concurrency:           execution.ConcurrencyOf(c),
	}
}
