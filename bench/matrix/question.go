package matrix

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sql/engine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Form is how many tasks a question is about.
type Form int

// The forms.
const (
	Single Form = iota // one task, or one of its steps
	Batch              // several
	Whole              // all
)

// Args are what a question is about. Which of them counts, its form says.
type Args struct {
	Task  int64
	Step  int64   // of the task
	Tasks []int64 // for a batch
	All   []int64 // every task, for who has to name them
	Since tasker.Timestamp
	Limit int32 // of rows, where the question has such a limit
}

// counted is the answer to a question that asks how many.
type counted struct {
	Rows int64 `json:"rows"`
}

// Question is one row of the matrix. Fields that are nil or empty: there it
// cannot be asked.
type Question struct {
	Name string // such as step-readiness
	What string // in words
	Form Form

	// SQL asks the engine's object, or the drop-in of the same name.
	SQL string
	// RowsSQL asks the rows of a projection where the engine has no such object.
	RowsSQL string
	// FromRows says whether the drop-in can answer from rows; the others compute
	// in every read mode.
	FromRows bool
	// Ignore are the fields that need not be the same.
	Ignore []string

	args     func(a *Args) []any // of SQL
	rowsArgs func(a *Args) []any // of RowsSQL

	database func(ctx context.Context, d *engine.Database, a *Args) ([]any, error)
	rows     func(ctx context.Context, s *Database, a *Args) ([]any, error)
	view     func(v *readiness.View, a *Args, now tasker.Timestamp) []any
	ask      func(v *readiness.View, a *Args, now tasker.Timestamp) // the same, without making rows for comparison
	path     func(a *Args) string
	body     func(a *Args) string // nil: GET
	decode   func(body []byte) ([]any, error)
}

// Questions is the matrix's rows, in the order in which they are reported.
func Questions() []*Question {
	return []*Question{
		{
			Name: "step-readiness", What: "readiness of the steps of one task", Form: Single, FromRows: true,
			SQL: "SELECT * FROM get_step_readiness_status($1::BIGINT)", args: task,
			database: func(ctx context.Context, d *engine.Database, a *Args) ([]any, error) {
				return list(d.StepReadiness(ctx, a.Task, nil))
			},
			view: func(v *readiness.View, a *Args, now tasker.Timestamp) []any {
				return boxed(v.StepReadiness(a.Task, nil, now))
			},
			ask: func(v *readiness.View, a *Args, now tasker.Timestamp) {
				kept.readiness = v.AppendStepReadiness(kept.readiness[:0], a.Task, nil, now)
			},
			path: func(a *Args) string { return fmt.Sprintf("/v1/tasks/%d/steps", a.Task) }, decode: under[tasker.StepReadiness]("steps"),
		},
		{
			Name: "step-readiness-batch", What: "readiness of the steps of several tasks", Form: Batch, FromRows: true,
			SQL: "SELECT * FROM get_step_readiness_status_batch($1::BIGINT[])", args: tasks,
			database: func(ctx context.Context, d *engine.Database, a *Args) ([]any, error) {
				return list(d.StepReadinessBatch(ctx, a.Tasks))
			},
			view: func(v *readiness.View, a *Args, now tasker.Timestamp) []any {
				return boxed(v.StepReadinessBatch(a.Tasks, now))
			},
			ask: func(v *readiness.View, a *Args, now tasker.Timestamp) {
				kept.readiness = v.StepReadinessBatch(a.Tasks, now)
			},
			path: func(a *Args) string { return "/v1/steps?" + taskIDs(a) }, decode: under[tasker.StepReadiness]("steps"),
		},
		{
			Name: "step-readiness-counted", What: "readiness of the steps of several tasks, counted by the server instead of sent", Form: Batch, FromRows: true,
			SQL: "SELECT count(*) FROM get_step_readiness_status_batch($1::BIGINT[])", args: tasks,
			database: func(ctx context.Context, d *engine.Database, a *Args) ([]any, error) {
				rows, err := d.StepReadinessBatch(ctx, a.Tasks)
				return []any{counted{int64(len(rows))}}, err
			},
			view: func(v *readiness.View, a *Args, now tasker.Timestamp) []any {
				return []any{counted{int64(len(v.StepReadinessBatch(a.Tasks, now)))}}
			},
			ask: func(v *readiness.View, a *Args, now tasker.Timestamp) {
				kept.readiness = v.StepReadinessBatch(a.Tasks, now)
			},
		},
		{
			Name: "task-context", What: "execution context of one task", Form: Single, FromRows: true,
			SQL: "SELECT * FROM get_task_execution_context($1::BIGINT)", args: task,
			database: func(ctx context.Context, d *engine.Database, a *Args) ([]any, error) {
				return single(d.TaskExecutionContext(ctx, a.Task))
			},
			view: func(v *readiness.View, a *Args, now tasker.Timestamp) []any {
				return boxed(v.TaskExecutionContexts([]int64{a.Task}, now))
			},
			ask: func(v *readiness.View, a *Args, now tasker.Timestamp) {
				kept.context, _ = v.TaskExecutionContext(a.Task, now)
			},
			path: func(a *Args) string { return fmt.Sprintf("/v1/tasks/%d/context", a.Task) }, decode: whole[tasker.TaskExecutionContext],
		},
		{
			Name: "task-contexts", What: "execution contexts of several tasks", Form: Batch, FromRows: true,
			SQL: "SELECT * FROM get_task_execution_contexts_batch($1::BIGINT[])", args: tasks,
			database: func(ctx context.Context, d *engine.Database, a *Args) ([]any, error) {
				return list(d.TaskExecutionContexts(ctx, a.Tasks))
			},
			view: func(v *readiness.View, a *Args, now tasker.Timestamp) []any {
				return boxed(v.TaskExecutionContexts(a.Tasks, now))
			},
			ask: func(v *readiness.View, a *Args, now tasker.Timestamp) {
				kept.contexts = v.AppendTaskExecutionContexts(kept.contexts[:0], a.Tasks, now)
			},
			path: func(*Args) string { return "/v1/contexts" }, body: func(a *Args) string { return `{"task_ids":[` + joined(a.Tasks, ",") + `]}` },
			decode: under[tasker.TaskExecutionContext]("contexts"),
		},
		{
			Name: "dependency-levels", What: "dependency levels of one task", Form: Single, FromRows: true,
			SQL: "SELECT * FROM calculate_dependency_levels($1::BIGINT)", args: task,
			database: func(ctx context.Context, d *engine.Database, a *Args) ([]any, error) {
				return list(d.DependencyLevels(ctx, a.Task))
			},
			view: func(v *readiness.View, a *Args, _ tasker.Timestamp) []any { return boxed(v.DependencyLevels(a.Task)) },
			ask:  func(v *readiness.View, a *Args, _ tasker.Timestamp) { kept.levels = v.DependencyLevels(a.Task) },
			path: func(a *Args) string { return fmt.Sprintf("/v1/tasks/%d/levels", a.Task) }, decode: under[tasker.DependencyLevel]("levels"),
		},
		{
			Name: "dag", What: "the DAG view of one task", Form: Single,
			SQL: "SELECT * FROM tasker_step_dag_relationships WHERE task_id = $1::BIGINT", args: task,
			database: func(ctx context.Context, d *engine.Database, a *Args) ([]any, error) {
				return list(d.StepDAGRelationships(ctx, []int64{a.Task}))
			},
			view: func(v *readiness.View, a *Args, _ tasker.Timestamp) []any {
				return boxed(v.StepDAGRelationships([]int64{a.Task}))
			},
			ask: func(v *readiness.View, a *Args, _ tasker.Timestamp) {
				kept.one[0] = a.Task
				kept.dag = v.StepDAGRelationships(kept.one[:])
			},
			path: func(a *Args) string { return fmt.Sprintf("/v1/dag?task_id=%d", a.Task) }, decode: under[tasker.StepDAGRelationship]("steps"),
		},
		{
			Name: "dag-batch", What: "the DAG view of several tasks", Form: Batch,
			SQL: "SELECT * FROM tasker_step_dag_relationships WHERE task_id = ANY ($1::BIGINT[])", args: tasks,
			database: func(ctx context.Context, d *engine.Database, a *Args) ([]any, error) {
				return list(d.StepDAGRelationships(ctx, a.Tasks))
			},
			view: func(v *readiness.View, a *Args, _ tasker.Timestamp) []any {
				return boxed(v.StepDAGRelationships(a.Tasks))
			},
			ask:  func(v *readiness.View, a *Args, _ tasker.Timestamp) { kept.dag = v.StepDAGRelationships(a.Tasks) },
			path: func(a *Args) string { return "/v1/dag?" + taskIDs(a) }, decode: under[tasker.StepDAGRelationship]("steps"),
		},
		{
			Name: "health-counts", What: "health counts of all tasks", Form: Whole, FromRows: true,
			SQL: "SELECT * FROM get_system_health_counts_v01()", args: nothing,
			Ignore: []string{"active_connections", "max_connections"}, // come and go, and are in no log
			database: func(ctx context.Context, d *engine.Database, _ *Args) ([]any, error) {
				return single(d.SystemHealthCounts(ctx))
			},
			view: func(v *readiness.View, _ *Args, _ tasker.Timestamp) []any { return []any{v.SystemHealthCounts()} },
			ask:  func(v *readiness.View, _ *Args, _ tasker.Timestamp) { kept.health = v.SystemHealthCounts() },
			path: func(*Args) string { return "/v1/health-counts" }, decode: whole[tasker.SystemHealthCounts],
		},
		{
			Name: "analytics", What: "analytics of all tasks", Form: Whole,
			SQL: "SELECT * FROM get_analytics_metrics_v01($1::TIMESTAMPTZ)", args: func(a *Args) []any { return []any{a.Since.Time()} },
			Ignore: []string{"calculated_at"}, // each at its own moment
			database: func(ctx context.Context, d *engine.Database, a *Args) ([]any, error) {
				return single(d.AnalyticsMetrics(ctx, a.Since))
			},
			view: func(v *readiness.View, a *Args, now tasker.Timestamp) []any {
				return []any{v.AnalyticsMetrics(a.Since, now)}
			},
			ask: func(v *readiness.View, a *Args, now tasker.Timestamp) {
				kept.analytics = v.AnalyticsMetrics(a.Since, now)
			},
			path: func(a *Args) string { return "/v1/analytics?since=" + url.QueryEscape(a.Since.String()) }, decode: whole[tasker.AnalyticsMetrics],
		},
		{
			Name: "slowest-tasks", What: "the slowest tasks", Form: Whole,
			SQL: "SELECT * FROM get_slowest_tasks_v01($1::TIMESTAMPTZ, $2::INTEGER)", args: slowest,
			database: func(ctx context.Context, d *engine.Database, a *Args) ([]any, error) {
				return list(d.SlowestTasks(ctx, filter(a)))
			},
			view: func(v *readiness.View, a *Args, now tasker.Timestamp) []any {
				return boxed(v.SlowestTasks(filter(a), now))
			},
			ask:  func(v *readiness.View, a *Args, now tasker.Timestamp) { kept.tasks = v.SlowestTasks(filter(a), now) },
			path: func(a *Args) string { return "/v1/tasks/slowest?" + slowestQuery(a) }, decode: under[tasker.SlowestTask]("tasks"),
		},
		{
			Name: "slowest-steps", What: "the slowest steps", Form: Whole,
			SQL: "SELECT * FROM get_slowest_steps_v01($1::TIMESTAMPTZ, $2::INTEGER)", args: slowest,
			database: func(ctx context.Context, d *engine.Database, a *Args) ([]any, error) {
				return list(d.SlowestSteps(ctx, filter(a)))
			},
			view: func(v *readiness.View, a *Args, now tasker.Timestamp) []any {
				return boxed(v.SlowestSteps(filter(a), now))
			},
			ask:  func(v *readiness.View, a *Args, now tasker.Timestamp) { kept.steps = v.SlowestSteps(filter(a), now) },
			path: func(a *Args) string { return "/v1/steps/slowest?" + slowestQuery(a) }, decode: under[tasker.SlowestStep]("steps"),
		},
		readySteps(), stepReasons(),
	}
}

// QuestionByName finds one; nil: there is none.
func QuestionByName(name string) *Question {
	for _, q := range Questions() {
		if q.Name == name {
			return q
		}
	}
	return nil
}

func task(a *Args) []any    { return []any{a.Task} }
func tasks(a *Args) []any   { return []any{a.Tasks} }
func nothing(*Args) []any   { return nil }
func slowest(a *Args) []any { return []any{a.Since.Time(), a.Limit} }

func filter(a *Args) tasker.SlowestFilter {
	return tasker.SlowestFilter{Since: a.Since, Limit: a.Limit}
}

func slowestQuery(a *Args) string {
	return "since=" + url.QueryEscape(a.Since.String()) + "&limit=" + strconv.Itoa(int(a.Limit))
}

func taskIDs(a *Args) string { return "task_id=" + joined(a.Tasks, "&task_id=") }

func joined(ids []int64, separator string) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(strconv.FormatInt(id, 10))
	}
	return b.String()
}

// everything is a limit that limits nothing.
const everything = math.MaxInt32

// kept is what answers in this process are written to. One who asks in a loop
// reuses its rows, as the HTTP side does; and that they are kept makes the
// compiler not leave the question out. It is of the goroutine that measures.
var kept struct {
	one       [1]int64
	readiness []tasker.StepReadiness
	context   tasker.TaskExecutionContext
	contexts  []tasker.TaskExecutionContext
	levels    []tasker.DependencyLevel
	dag       []tasker.StepDAGRelationship
	health    tasker.SystemHealthCounts
	analytics tasker.AnalyticsMetrics
	tasks     []tasker.SlowestTask
	steps     []tasker.SlowestStep
	ready     []tasker.ReadyStep
	reasons   tasker.StepReasons
}
