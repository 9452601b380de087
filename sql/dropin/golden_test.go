package dropin_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// goldenQueries say how each file's rows were asked for: everything behind the
// list of columns, which is the file's header. Batches are asked a second time
// as large ones, filled up with tasks that do not exist.
var goldenQueries = map[string][]string{
	"get_step_readiness_status": {"tasker_tasks t, get_step_readiness_status(t.task_id) a ORDER BY workflow_step_id"},
	"get_step_readiness_status_batch": {
		"get_step_readiness_status_batch((SELECT array_agg(task_id) FROM tasker_tasks)) a ORDER BY workflow_step_id",
		"get_step_readiness_status_batch((SELECT array_agg(task_id) FROM tasker_tasks) || " + manyMore + ") a ORDER BY workflow_step_id",
	},
	"get_task_execution_context": {"tasker_tasks t, get_task_execution_context(t.task_id) a ORDER BY a.task_id"},
	"get_task_execution_contexts_batch": {
		"get_task_execution_contexts_batch((SELECT array_agg(task_id) FROM tasker_tasks)) a",
		"get_task_execution_contexts_batch((SELECT array_agg(task_id) FROM tasker_tasks) || " + manyMore + ") a",
	},
	"calculate_dependency_levels":         {"(SELECT t.task_id, l.* FROM tasker_tasks t, calculate_dependency_levels(t.task_id) l) a ORDER BY task_id, workflow_step_id"},
	"tasker_step_dag_relationships":       {"tasker_step_dag_relationships a ORDER BY workflow_step_id"},
	"get_system_health_counts_v01":        {"get_system_health_counts_v01() a"},
	"get_analytics_metrics_v01":           {"get_analytics_metrics_v01('2000-01-01 00:00:00+00') a"},
	"get_analytics_metrics_v01_last_hour": {"get_analytics_metrics_v01() a"},
	"get_slowest_steps_v01":               {"get_slowest_steps_v01('2000-01-01 00:00:00+00', 50) a"},
	"get_slowest_tasks_v01":               {"get_slowest_tasks_v01('2000-01-01 00:00:00+00', 50) a"},
}

// manyMore is so many ids of no task that a batch is a large one.
const manyMore = "ARRAY(SELECT -i::bigint FROM generate_series(1, 5000) i)"

func TestGoldenV02(t *testing.T) {
	conn := withGolden(t, tasker.RulesV02)
	testGolden(t, conn, "expected", 11)
}

func TestGoldenV01(t *testing.T) {
	conn := withGolden(t, tasker.RulesV01)
	testGolden(t, conn, "v01", 4)
}

func testGolden(t *testing.T, conn *pgx.Conn, dir string, files int) {
	found, err := fs.Glob(golden.Files, dir+"/*.csv")
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != files {
		t.Fatalf("%d files in %s, want %d", len(found), dir, files)
	}
	exec(t, conn, "SET search_path TO tasker_sidecar_compat, public")
	for _, file := range found {
		name := strings.TrimSuffix(strings.TrimPrefix(file, dir+"/"), ".csv")
		t.Run(name, func(t *testing.T) {
			want, err := fs.ReadFile(golden.Files, file)
			if err != nil {
				t.Fatal(err)
			}
			header, _, _ := strings.Cut(string(want), "\n")
			for _, from := range goldenQueries[name] {
				if diff := cmp.Diff(string(want), goldenAnswer(t, conn, from, header)); diff != "" {
					t.Errorf("golden (-), answered (+):\n%s", diff)
				}
			}
		})
	}
}

// goldenAnswer asks for the columns of a golden file and returns the answer as
// such a file.
func goldenAnswer(t *testing.T, conn *pgx.Conn, from, header string) string {
	t.Helper()
	columns := strings.Split(header, ",")
	for i, column := range columns {
		columns[i] = "a." + column
		if column == "completion_percentage" {
			columns[i] = "round(a.completion_percentage, 2) AS completion_percentage"
		}
	}
	var answer bytes.Buffer
	_, err := conn.PgConn().CopyTo(t.Context(), &answer,
		fmt.Sprintf("COPY (SELECT %s FROM %s) TO STDOUT (FORMAT csv, HEADER)", strings.Join(columns, ", "), from))
	if err != nil {
		t.Fatal(err)
	}
	return answer.String()
}
