package api

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// goldenView is the golden rows in an index at goldenLSN. Views never change,
// so that all tests can share one.
func goldenView(t testing.TB, rules tasker.Rules) *readiness.View {
	t.Helper()
	goldenViews.Lock()
	defer goldenViews.Unlock()
	if goldenViews.byRules[rules] == nil {
		goldenViews.byRules[rules] = loadGolden(t, rules)
	}
	return goldenViews.byRules[rules]
}

var goldenViews = struct {
	sync.Mutex
	byRules map[tasker.Rules]*readiness.View
}{byRules: map[tasker.Rules]*readiness.View{}}

func loadGolden(t testing.TB, rules tasker.Rules) *readiness.View {
	t.Helper()
	load := readiness.NewLoad(readiness.Options{Rules: rules})
	for _, rows := range goldenRows(t) {
		if err := load.Add(rows); err != nil {
			t.Fatal(err)
		}
	}
	index, err := load.Finish(readiness.Position{LSN: goldenLSN, Time: tasker.TimestampOf(testClock())})
	if err != nil {
		t.Fatal(err)
	}
	return index.View()
}

// record is a row of a CSV file; its methods read columns.
type record struct {
	t      testing.TB
	values map[string]string
}

func (r record) text(column string) string { return r.values[column] }
func (r record) yes(column string) bool    { return r.values[column] == "t" }

func (r record) null(column string) tasker.Null[string] {
	if v := r.values[column]; v != "" {
		return tasker.Some(v)
	}
	return tasker.Null[string]{}
}

func (r record) id(column string) int64 {
	v, err := strconv.ParseInt(r.values[column], 10, 64)
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

func (r record) id32(column string) int32 { return int32(r.id(column)) }

func (r record) null32(column string) tasker.Null[int32] {
	if r.values[column] == "" {
		return tasker.Null[int32]{}
	}
	return tasker.Some(r.id32(column))
}

func (r record) time(column string) tasker.Timestamp {
	if r.values[column] == "" {
		return tasker.NoTime
	}
	v, err := tasker.ParseTimestamp(strings.Replace(r.values[column], " ", "T", 1) + "Z")
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

func goldenTable(t testing.TB, name string) (rows []record) {
	t.Helper()
	text, err := fs.ReadFile(golden.Files, name+".csv")
	if err != nil {
		t.Fatal(err)
	}
	all, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range all[1:] {
		r := record{t, map[string]string{}}
		for i, column := range all[0] {
			r.values[column] = line[i]
		}
		rows = append(rows, r)
	}
	return rows
}

func goldenRows(t testing.TB) []*tasker.Rows {
	spaces, namedTasks, namedSteps := &tasker.Rows{Table: tasker.TaskNamespaces}, &tasker.Rows{Table: tasker.NamedTasks}, &tasker.Rows{Table: tasker.NamedSteps}
	tasks, steps, edges := &tasker.Rows{Table: tasker.Tasks}, &tasker.Rows{Table: tasker.WorkflowSteps}, &tasker.Rows{Table: tasker.WorkflowStepEdges}
	for _, r := range goldenTable(t, "tasker_task_namespaces") {
		spaces.TaskNamespaces = append(spaces.TaskNamespaces, tasker.TaskNamespace{TaskNamespaceID: r.id32("task_namespace_id"), Name: r.text("name")})
	}
	for _, r := range goldenTable(t, "tasker_named_tasks") {
		namedTasks.NamedTasks = append(namedTasks.NamedTasks, tasker.NamedTask{NamedTaskID: r.id32("named_task_id"), Name: r.text("name"), TaskNamespaceID: r.id("task_namespace_id"), Version: r.text("version")})
	}
	for _, r := range goldenTable(t, "tasker_named_steps") {
		namedSteps.NamedSteps = append(namedSteps.NamedSteps, tasker.NamedStep{NamedStepID: r.id32("named_step_id"), Name: r.text("name")})
	}
	for _, r := range goldenTable(t, "tasker_tasks") {
		tasks.Tasks = append(tasks.Tasks, tasker.Task{
			TaskID: r.id("task_id"), NamedTaskID: r.id32("named_task_id"), Complete: r.yes("complete"),
			Initiator: r.null("initiator"), SourceSystem: r.null("source_system"), CreatedAt: r.time("created_at"),
		})
	}
	for _, r := range goldenTable(t, "tasker_workflow_steps") {
		steps.WorkflowSteps = append(steps.WorkflowSteps, tasker.WorkflowStep{
			WorkflowStepID: r.id("workflow_step_id"), TaskID: r.id("task_id"), NamedStepID: r.id32("named_step_id"), Retryable: r.yes("retryable"),
			RetryLimit: r.null32("retry_limit"), InProcess: r.yes("in_process"), Processed: r.yes("processed"), ProcessedAt: r.time("processed_at"),
			Attempts: r.null32("attempts"), LastAttemptedAt: r.time("last_attempted_at"), BackoffRequestSeconds: r.null32("backoff_request_seconds"), CreatedAt: r.time("created_at"),
		})
	}
	for _, r := range goldenTable(t, "tasker_workflow_step_edges") {
		edges.WorkflowStepEdges = append(edges.WorkflowStepEdges, tasker.WorkflowStepEdge{ID: r.id("id"), FromStepID: r.id("from_step_id"), ToStepID: r.id("to_step_id")})
	}
	transitions := func(table, parent string) (list []tasker.Transition) {
		for _, r := range goldenTable(t, table) {
			list = append(list, tasker.Transition{ID: r.id("id"), ToState: r.text("to_state"), MostRecent: r.yes("most_recent"), ParentID: r.id(parent), CreatedAt: r.time("created_at")})
		}
		return list
	}
	return []*tasker.Rows{
		spaces, namedTasks, namedSteps, tasks, steps, edges,
		{Table: tasker.TaskTransitions, TaskTransitions: transitions("tasker_task_transitions", "task_id")},
		{Table: tasker.WorkflowStepTransitions, WorkflowStepTransitions: transitions("tasker_workflow_step_transitions", "workflow_step_id")},
	}
}

// client asks a listening server.
type client struct {
	t    *testing.T
	base string
}

// get asks for path, wants 200, and decodes the body wholly into out.
func (c client) get(path string, out any) {
	c.t.Helper()
	c.do(http.MethodGet, path, "", out)
}

func (c client) do(method, path, body string, out any) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		c.t.Fatalf("%s %s: %s: %s", method, path, response.Status, text)
	}
	if got := response.Header.Get(HeaderAsOfLSN); got != goldenLSN.String() {
		c.t.Fatalf("%s %s: the header says as of %q", method, path, got)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(out); err != nil {
		c.t.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
}

const goldenLSN tasker.LSN = 0x16B374D848

func wantGolden[T any](t *testing.T, rules tasker.Rules, file string, got []T) {
	t.Helper()
	want, err := golden.Expected[T](rules, file)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) == 0 {
		t.Fatalf("%s holds nothing", file)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s differs:\n%s", file, diff[:min(len(diff), 4000)])
	}
}

// TestGolden compares every expected file with what comes over HTTP.
func TestGolden(t *testing.T) {
	for _, rules := range []tasker.Rules{tasker.RulesV01, tasker.RulesV02} {
		t.Run(rules.String(), func(t *testing.T) {
			s := started(t, newSource(goldenView(t, rules), Freshness{AsOfLSN: goldenLSN}), Options{})
			c := client{t, "http://" + s.Addr()}
			var tasks []int64
			for _, r := range goldenTable(t, "tasker_tasks") {
				tasks = append(tasks, r.id("task_id"))
			}
			slices.Sort(tasks)
			if len(tasks) != 250 {
				t.Fatalf("%d tasks", len(tasks))
			}
			all := url.Values{}
			for _, id := range tasks {
				all.Add("task_id", strconv.FormatInt(id, 10))
			}
			byStep := func(a, b tasker.StepReadiness) int { return int(a.WorkflowStepID - b.WorkflowStepID) }

			t.Run("readiness", func(t *testing.T) {
				var each, batch []tasker.StepReadiness
				for _, id := range tasks {
					var answer StepsAnswer
					c.get(fmt.Sprintf("/v1/tasks/%d/steps", id), &answer)
					for i, row := range answer.Steps {
						each = append(each, row.StepReadiness)
						if i > 0 {
							continue
						}
						var step StepAnswer // one of each task is asked for alone, too
						c.get(fmt.Sprintf("/v1/steps/%d", row.WorkflowStepID), &step)
						if step.StepReadiness != row.StepReadiness {
							t.Errorf("step %d alone: %+v", row.WorkflowStepID, step)
						}
					}
				}
				slices.SortFunc(each, byStep)
				var answer StepsOfTasksAnswer
				c.get("/v1/steps?"+all.Encode(), &answer)
				for _, row := range answer.Steps {
					batch = append(batch, row.StepReadiness)
				}
				wantGolden(t, rules, "get_step_readiness_status", each)
				wantGolden(t, rules, "get_step_readiness_status_batch", batch)
			})
			t.Run("contexts", func(t *testing.T) {
				var each []tasker.TaskExecutionContext
				for _, id := range tasks {
					var answer ContextAnswer
					c.get(fmt.Sprintf("/v1/tasks/%d/context", id), &answer)
					each = append(each, answer.TaskExecutionContext)
				}
				wantGolden(t, rules, "get_task_execution_context", each)
				body, err := json.Marshal(ContextsRequest{tasks})
				if err != nil {
					t.Fatal(err)
				}
				var got, posted ContextsAnswer
				c.get("/v1/contexts?"+all.Encode(), &got)
				c.do(http.MethodPost, "/v1/contexts", string(body), &posted)
				for _, answer := range []ContextsAnswer{got, posted} {
					var batch []tasker.TaskExecutionContext
					for _, row := range answer.Contexts {
						batch = append(batch, row.TaskExecutionContext)
					}
					wantGolden(t, rules, "get_task_execution_contexts_batch", batch)
				}
			})
			t.Run("levels", func(t *testing.T) {
				var each []golden.DependencyLevel
				for _, id := range tasks {
					var answer LevelsAnswer
					c.get(fmt.Sprintf("/v1/tasks/%d/levels", id), &answer)
					for i, l := range answer.Levels {
						each = append(each, golden.DependencyLevel{TaskID: id, WorkflowStepID: l.WorkflowStepID, DependencyLevel: l.DependencyLevel})
						if i > 0 && (l.DependencyLevel < answer.Levels[i-1].DependencyLevel) {
							t.Errorf("task %d: levels are not in order", id)
						}
					}
				}
				slices.SortFunc(each, func(a, b golden.DependencyLevel) int {
					if a.TaskID != b.TaskID {
						return int(a.TaskID - b.TaskID)
					}
					return int(a.WorkflowStepID - b.WorkflowStepID)
				})
				wantGolden(t, rules, "calculate_dependency_levels", each)
			})
			t.Run("graph", func(t *testing.T) {
				var answer DAGAnswer
				c.get("/v1/dag?"+all.Encode(), &answer)
				wantGolden(t, rules, "tasker_step_dag_relationships", answer.Steps)
			})
			t.Run("all tasks together", func(t *testing.T) {
				var health HealthCountsAnswer
				c.get("/v1/health-counts", &health)
				if health.ActiveConnections != tasker.Some[int64](3) || health.MaxConnections != tasker.Some[int64](100) {
					t.Errorf("connections %v of %v", health.ActiveConnections, health.MaxConnections)
				}
				health.ActiveConnections, health.MaxConnections = tasker.Null[int64]{}, tasker.Null[int64]{} // in no file
				wantGolden(t, rules, "get_system_health_counts_v01", []tasker.SystemHealthCounts{health.SystemHealthCounts})

				for file, query := range map[string]string{
					"get_analytics_metrics_v01":           "?since=2000-01-01T00:00:00Z",
					"get_analytics_metrics_v01_last_hour": "",
				} {
					var answer AnalyticsAnswer
					c.get("/v1/analytics"+query, &answer)
					if now := tasker.TimestampOf(testClock()); answer.CalculatedAt != now {
						t.Errorf("calculated at %v, want %v", answer.CalculatedAt, now)
					}
					answer.CalculatedAt, answer.AnalysisPeriodStart = 0, 0 // in no file
					wantGolden(t, rules, file, []tasker.AnalyticsMetrics{answer.AnalyticsMetrics})
				}
				var slowSteps SlowestStepsAnswer
				c.get("/v1/steps/slowest?limit=50&since=2000-01-01T00:00:00Z", &slowSteps)
				wantGolden(t, rules, "get_slowest_steps_v01", slowSteps.Steps)
				var slowTasks SlowestTasksAnswer
				c.get("/v1/tasks/slowest?limit=50&since=2000-01-01T00:00:00Z", &slowTasks)
				wantGolden(t, rules, "get_slowest_tasks_v01", slowTasks.Tasks)
			})
			t.Run("ready steps are those of the readiness rows", func(t *testing.T) {
				rows, err := golden.Expected[tasker.StepReadiness](rules, "get_step_readiness_status")
				if err != nil {
					t.Fatal(err)
				}
				want := map[int64]bool{}
				for _, r := range rows {
					if r.ReadyForExecution {
						want[r.WorkflowStepID] = true
					}
				}
				got := map[int64]bool{}
				for after, pages := "", 0; ; pages++ {
					var answer ReadyStepsAnswer
					c.get("/v1/steps/ready?limit=7"+after, &answer)
					for _, step := range answer.Steps {
						if got[step.WorkflowStepID] {
							t.Errorf("step %d comes twice", step.WorkflowStepID)
						}
						got[step.WorkflowStepID] = true
					}
					if answer.Next == "" {
						if pages < 3 {
							t.Errorf("%d pages only", pages)
						}
						break
					}
					after = "&after=" + url.QueryEscape(answer.Next)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}
