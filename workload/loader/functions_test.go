package loader_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/loader"
	"github.com/tasker-sidecar/tasker-sidecar/workload/workloadtest"
)

// The engine's own functions, asked about tasks of each scenario, see what the
// scenario says.
func TestFunctionsSeeTheScenarios(t *testing.T) {
	verdicts := map[workload.Scenario][]string{
		workload.Fresh:              {"has_ready_steps healthy"},
		workload.Completed:          {"all_complete healthy"},
		workload.Flaky:              {"all_complete healthy"},
		workload.Exhausted:          {"blocked_by_failures blocked"},
		workload.TaskResolved:       {"blocked_by_failures blocked"},
		workload.NotRetryable:       {"waiting_for_dependencies recovering"},
		workload.InFailureBackoff:   {"waiting_for_dependencies recovering", "has_ready_steps recovering"},
		workload.InRequestedBackoff: {"waiting_for_dependencies recovering", "has_ready_steps recovering"},
		workload.StuckInProgress:    {"processing healthy", "has_ready_steps healthy"},
		workload.StepResolved:       {"all_complete healthy"},
		workload.BranchResolved:     {"all_complete healthy"},
	}
	for scenario, want := range verdicts {
		t.Run(scenario.String(), func(t *testing.T) {
			pool := workloadtest.Database(t)
			spec := everything(120)
			spec.Scenarios = []workload.Share[workload.Scenario]{{Percent: 100, Of: scenario}}
			var now time.Time
			if err := pool.QueryRow(t.Context(), "SELECT now()").Scan(&now); err != nil {
				t.Fatal(err)
			}
			spec.Now = tasker.TimestampOf(now)
			// As long as the shortest of the waits lasts, however slow this machine is.
			if scenario == workload.InFailureBackoff {
				spec.Now = spec.Now.Add(10 * time.Minute)
			}
			if _, err := loader.Load(t.Context(), pool, workload.Generate(spec), loader.Options{}); err != nil {
				t.Fatal(err)
			}
			rows, err := pool.Query(t.Context(), `SELECT c.task_id, n.name, execution_status || ' ' || health_status
				FROM get_task_execution_contexts_batch((SELECT array_agg(task_id) FROM tasker_tasks)) c
				JOIN tasker_named_tasks n ON n.named_task_id = c.named_task_id WHERE total_steps > 0`)
			if err != nil {
				t.Fatal(err)
			}
			var id int64
			var name, verdict string
			seen := map[string]int{}
			_, err = pgx.ForEachRow(rows, []any{&id, &name, &verdict}, func() error {
				seen[verdict]++
				for _, w := range want {
					if verdict == w {
						return nil
					}
				}
				// of a family each task has its own part of the scenario
				if name == "parent_workflow" || name == "api_integration_workflow" || name == "user_registration" || name == "process_refund" {
					return nil
				}
				return fmt.Errorf("task %d of %s: %s", id, name, verdict)
			})
			if err != nil {
				t.Error(err)
			}
			if seen[want[0]] == 0 {
				t.Errorf("no task is %s: %v", want[0], seen)
			}
		})
	}
}
