package testbed_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// goldenQueries say how each file's rows were asked for: everything behind
// the list of columns, which is the file's header.
var goldenQueries = map[string]string{
	"get_step_readiness_status":           "tasker_tasks t, get_step_readiness_status(t.task_id) a ORDER BY workflow_step_id",
	"get_step_readiness_status_batch":     "get_step_readiness_status_batch((SELECT array_agg(task_id) FROM tasker_tasks)) a ORDER BY workflow_step_id",
	"get_task_execution_context":          "tasker_tasks t, get_task_execution_context(t.task_id) a ORDER BY a.task_id",
	"get_task_execution_contexts_batch":   "get_task_execution_contexts_batch((SELECT array_agg(task_id) FROM tasker_tasks)) a",
	"calculate_dependency_levels":         "(SELECT t.task_id, l.* FROM tasker_tasks t, calculate_dependency_levels(t.task_id) l) a ORDER BY task_id, workflow_step_id",
	"tasker_step_dag_relationships":       "tasker_step_dag_relationships a ORDER BY workflow_step_id",
	"get_system_health_counts_v01":        "get_system_health_counts_v01() a",
	"get_analytics_metrics_v01":           "get_analytics_metrics_v01('2000-01-01 00:00:00+00') a",
	"get_analytics_metrics_v01_last_hour": "get_analytics_metrics_v01() a",
}

// The two slowest functions fail, as the engine's do; what they were meant to
// answer is asked by a query of the test's own.
var slowest = []string{"get_slowest_tasks_v01", "get_slowest_steps_v01"}

func TestGoldenV02(t *testing.T) { testGolden(t, tasker.RulesV02, "expected", 11) }
func TestGoldenV01(t *testing.T) { testGolden(t, tasker.RulesV01, "v01", 4) }

func testGolden(t *testing.T, rules tasker.Rules, dir string, files int) {
	conn := installed(t, testbed.Options{Rules: rules}, true)
	found, err := fs.Glob(golden.Files, dir+"/*.csv")
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != files {
		t.Fatalf("%d files in %s, want %d", len(found), dir, files)
	}
	for _, file := range found {
		name := strings.TrimSuffix(strings.TrimPrefix(file, dir+"/"), ".csv")
		t.Run(name, func(t *testing.T) {
			want, err := fs.ReadFile(golden.Files, file)
			if err != nil {
				t.Fatal(err)
			}
			header, _, _ := strings.Cut(string(want), "\n")
			if diff := cmp.Diff(string(want), goldenAnswer(t, conn, name, header)); diff != "" {
				t.Errorf("golden (-), answered (+):\n%s", diff)
			}
		})
	}
}

// goldenAnswer asks for the columns of a golden file and returns the answer as
// such a file.
func goldenAnswer(t *testing.T, conn *pgx.Conn, name, header string) string {
	t.Helper()
	from, ok := goldenQueries[name]
	if !ok {
		working, err := os.ReadFile("testdata/" + name + ".sql")
		if err != nil {
			t.Fatalf("how %s is asked is not known: %v", name, err)
		}
		from = "(" + string(working) + ") a"
	}
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

func TestSlowestFunctionsFailAsTheEnginesDo(t *testing.T) {
	for _, data := range []bool{false, true} {
		conn := installed(t, testbed.Options{}, data)
		for _, function := range slowest {
			_, err := conn.Exec(t.Context(), "SELECT * FROM "+function+"('2000-01-01 00:00:00+00', 50)")
			var failure *pgconn.PgError
			if !errors.As(err, &failure) || failure.Message != "structure of query does not match function result type" {
				t.Errorf("%s, with data: %t: error %v", function, data, err)
			}
		}
	}
}

func TestReadinessFailsFrom44AttemptsOn(t *testing.T) {
	for _, rules := range []tasker.Rules{tasker.RulesV01, tasker.RulesV02} {
		conn := installed(t, testbed.Options{Rules: rules}, true)
		const task = 10 // has one step
		ask := func(attempts int) error {
			_, err := conn.Exec(t.Context(), fmt.Sprintf(`
				UPDATE tasker_workflow_steps SET attempts = %d, backoff_request_seconds = NULL WHERE task_id = %d;
				UPDATE tasker_workflow_step_transitions SET to_state = 'error' WHERE workflow_step_id = 1001 AND most_recent;
				SELECT * FROM get_step_readiness_status(%d);`, attempts, task, task))
			return err
		}
		if err := ask(43); err != nil {
			t.Errorf("rules %s, 43 attempts: %v", rules, err)
		}
		var failure *pgconn.PgError
		if err := ask(44); !errors.As(err, &failure) || failure.Message != "interval out of range" {
			t.Errorf("rules %s, 44 attempts: error %v", rules, err)
		}
	}
}

// A session whose TimeZone is not UTC gets wrong answers from the engine's
// functions, and so from these.
func TestReadinessDependsOnTheSessionsTimeZone(t *testing.T) {
	conn := installed(t, testbed.Options{}, true)
	ready := func(zone string) bool {
		if _, err := conn.Exec(t.Context(), fmt.Sprintf(`SET TimeZone TO '%s'`, zone)); err != nil {
			t.Fatal(err)
		}
		return query[bool](t, conn, "SELECT ready_for_execution FROM get_step_readiness_status(10)")[0]
	}
	_, err := conn.Exec(t.Context(), `
		DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_id = 1001;
		UPDATE tasker_workflow_steps SET attempts = 1, retry_limit = 3, processed = false, in_process = false, retryable = true,
			last_attempted_at = now() AT TIME ZONE 'UTC', backoff_request_seconds = 3600 WHERE task_id = 10`)
	if err != nil {
		t.Fatal(err)
	}
	if ready("UTC") {
		t.Error("ready in UTC, an hour early")
	}
	if !ready("Pacific/Auckland") {
		t.Error("not ready in Auckland, where the zone-less time is taken for one of half a day ago")
	}
}
