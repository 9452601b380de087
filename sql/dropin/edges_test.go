package dropin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// A task of the golden data with one step, 1001.
const (
	lonelyTask = 10
	lonelyStep = 1001
)

// alone makes the step pending, not processed and without a past, then assigns
// columns, and gives it a most recent transition when there is a state for it.
func alone(t *testing.T, conn *pgx.Conn, columns, state, at string) {
	t.Helper()
	statements := []string{
		fmt.Sprintf("DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_id = %d", lonelyStep),
		fmt.Sprintf(`UPDATE tasker_workflow_steps SET attempts = 1, retry_limit = 2147483647, processed = false, in_process = false, retryable = true,
			last_attempted_at = NULL, backoff_request_seconds = NULL WHERE workflow_step_id = %d`, lonelyStep),
		fmt.Sprintf("UPDATE tasker_workflow_steps SET %s WHERE workflow_step_id = %d", columns, lonelyStep),
	}
	if state != "" {
		statements = append(statements, fmt.Sprintf(`INSERT INTO tasker_workflow_step_transitions (workflow_step_id, to_state, sort_key, most_recent, created_at, updated_at)
			VALUES (%d, '%s', 10, true, %s, now())`, lonelyStep, state, at))
	}
	exec(t, conn, statements...)
}

// ready is ready_for_execution and retry_eligible by each of the ways to ask.
func ready(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	ways := query[string](t, conn, fmt.Sprintf(`
		SELECT 'step ' || ready_for_execution || ' ' || coalesce(next_retry_at::text, '-') FROM tasker_sidecar_compat.get_step_readiness_status(%[1]d)
		UNION
		SELECT 'step ' || ready_for_execution || ' ' || coalesce(next_retry_at::text, '-') FROM tasker_sidecar_compat.get_step_readiness_status_batch('{%[1]d}')
		UNION
		SELECT 'step ' || ready_for_execution || ' ' || coalesce(next_retry_at::text, '-') FROM tasker_sidecar_compat.get_step_readiness_status_batch('{%[1]d}' || %[2]s)
		UNION
		SELECT 'task ' || ready_steps FROM tasker_sidecar_compat.get_task_execution_context(%[1]d)
		UNION
		SELECT 'task ' || ready_steps FROM tasker_sidecar_compat.get_task_execution_contexts_batch('{%[1]d}')
		UNION
		SELECT 'task ' || ready_steps FROM tasker_sidecar_compat.get_task_execution_contexts_batch('{%[1]d}' || %[2]s)
		ORDER BY 1`, lonelyTask, manyMore))
	return strings.Join(ways, ", ")
}

const utc = "(now() AT TIME ZONE 'UTC')"

func TestClockIsUTCWhateverTheSessionsTimeZone(t *testing.T) {
	for _, rules := range []tasker.Rules{tasker.RulesV01, tasker.RulesV02} {
		conn := withGolden(t, rules)
		for _, zone := range []string{"UTC", "Pacific/Auckland", "America/Los_Angeles", "Asia/Kathmandu"} {
			exec(t, conn, fmt.Sprintf("SET TimeZone TO '%s'", zone))
			alone(t, conn, "last_attempted_at = "+utc+", backoff_request_seconds = 3600", "", "")
			if got := ready(t, conn); !strings.HasPrefix(got, "step false") || !strings.HasSuffix(got, "task 0") {
				t.Errorf("%s, %s: an hour early: %s", rules, zone, got)
			}
			alone(t, conn, "last_attempted_at = "+utc+" - interval '1 hour', backoff_request_seconds = 3599", "", "")
			if got := ready(t, conn); !strings.HasPrefix(got, "step true") || !strings.HasSuffix(got, "task 1") {
				t.Errorf("%s, %s: a second late: %s", rules, zone, got)
			}
			alone(t, conn, "attempts = 12", "error", utc+" + interval '1 minute'")
			if got := ready(t, conn); !strings.HasPrefix(got, "step false") {
				t.Errorf("%s, %s: failed, and waits for a minute more: %s", rules, zone, got)
			}
			alone(t, conn, "attempts = 12", "error", utc+" - interval '31 seconds'")
			if got := ready(t, conn); !strings.HasPrefix(got, "step true") {
				t.Errorf("%s, %s: failed, and has waited: %s", rules, zone, got)
			}
		}
	}
}

// Analytics and the slowest take an instant with a zone and compare it with
// times that have none.
func TestPeriodsAreUTCWhateverTheSessionsTimeZone(t *testing.T) {
	conn := withGolden(t, tasker.RulesV02)
	exec(t, conn,
		"UPDATE tasker_tasks SET created_at = "+utc+" - interval '30 minutes'",
		"UPDATE tasker_workflow_steps SET created_at = "+utc+" - interval '30 minutes'",
		"UPDATE tasker_workflow_step_transitions SET created_at = "+utc)
	var want []string
	for _, zone := range []string{"UTC", "Pacific/Auckland", "America/Los_Angeles"} {
		exec(t, conn, fmt.Sprintf("SET TimeZone TO '%s'", zone))
		got := query[string](t, conn, `
			SELECT task_throughput::text || ' ' || active_tasks_count || ' ' || system_health_score FROM tasker_sidecar_compat.get_analytics_metrics_v01()
			UNION ALL SELECT count(*)::text || ' ' || count(*) FILTER (WHERE created_at BETWEEN now() - interval '31 minutes' AND now() - interval '29 minutes') FROM tasker_sidecar_compat.get_slowest_tasks_v01(now() - interval '1 hour', NULL)
			UNION ALL SELECT count(*)::text || ' ' || count(*) FILTER (WHERE completed_at > now() - interval '1 minute') FROM tasker_sidecar_compat.get_slowest_steps_v01(NULL, NULL)`)
		if zone == "UTC" {
			want = got
			if !strings.HasPrefix(got[0], "250 ") || strings.Contains(got[1]+" "+got[2]+" ", " 0 ") {
				t.Fatalf("nothing to compare: %q", got)
			}
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s: %q, in UTC %q", zone, got, want)
		}
	}
}

func TestAnyNumberOfAttemptsHasAnAnswer(t *testing.T) {
	conn := withGolden(t, tasker.RulesV02)
	for attempts, wait := range map[string]string{
		"NULL": "00:00:02", "0": "00:00:01", "1": "00:00:02", "4": "00:00:16", "5": "00:00:30", "43": "00:00:30", "44": "00:00:30",
		"2147483646": "00:00:30", "-1": "00:00:00.5", "-7": "00:00:00.007812", "-2147483648": "00:00:00",
	} {
		alone(t, conn, "attempts = "+attempts, "error", "'2020-01-01'")
		want := fmt.Sprintf("step true %s, task 1", one[string](t, conn, "SELECT (timestamp '2020-01-01' + $1::text::interval)::text", wait))
		if got := ready(t, conn); got != want {
			t.Errorf("%s attempts: %s, want %s", attempts, got, want)
		}
	}
}

func TestInfiniteTimes(t *testing.T) {
	conn := withGolden(t, tasker.RulesV02)
	for _, c := range []struct{ columns, state, at, want string }{
		{"last_attempted_at = 'infinity', backoff_request_seconds = 1", "", "", "step false infinity, task 0"},
		{"last_attempted_at = '-infinity', backoff_request_seconds = 2147483647", "", "", "step true -infinity, task 1"},
		{"attempts = 2", "error", "'infinity'", "step false infinity, task 0"},
		{"attempts = 2", "error", "'-infinity'", "step true -infinity, task 1"},
		{"last_attempted_at = 'infinity'", "", "", "step true -, task 1"},
	} {
		alone(t, conn, c.columns, c.state, c.at)
		if got := ready(t, conn); got != c.want {
			t.Errorf("%s, %s at %s: %s, want %s", c.columns, c.state, c.at, got, c.want)
		}
	}
	// Sums and differences leave them out, whatever the version of Postgres.
	exec(t, conn,
		"UPDATE tasker_tasks SET created_at = 'infinity' WHERE task_id % 3 = 0",
		"UPDATE tasker_tasks SET created_at = '-infinity' WHERE task_id % 3 = 1",
		"UPDATE tasker_workflow_step_transitions SET created_at = '-infinity' WHERE workflow_step_id % 5 = 0",
		"UPDATE tasker_workflow_step_transitions SET created_at = 'infinity' WHERE workflow_step_id % 5 = 1")
	if !one[bool](t, conn, "SELECT avg_task_duration BETWEEN 0 AND 1e12 AND avg_step_duration BETWEEN 0 AND 1e12 FROM tasker_sidecar_compat.get_analytics_metrics_v01('2000-01-01')") {
		t.Error("averages over some infinite times are no averages")
	}
	if n := one[int64](t, conn, "SELECT count(*) FILTER (WHERE duration_seconds = 0) FROM tasker_sidecar_compat.get_slowest_tasks_v01('2000-01-01', NULL)"); n == 0 {
		t.Error("no task with an infinite time among the slowest")
	}
	if n := one[int64](t, conn, "SELECT count(*) FILTER (WHERE NOT isfinite(created_at) OR NOT isfinite(completed_at)) FROM tasker_sidecar_compat.get_slowest_steps_v01('2000-01-01', NULL)"); n != 0 {
		t.Errorf("%d steps with an infinite time among the slowest", n)
	}
}

func TestOddArguments(t *testing.T) {
	conn := withGolden(t, tasker.RulesV02)
	for question, want := range map[string]int64{
		"get_step_readiness_status(NULL)":                                     0,
		"get_step_readiness_status(-1)":                                       0,
		"get_step_readiness_status(10, NULL)":                                 1,
		"get_step_readiness_status(10, '{}')":                                 0,
		"get_step_readiness_status(10, '{NULL}')":                             0,
		"get_step_readiness_status(10, '{NULL,1001,1001}')":                   1,
		"get_step_readiness_status(10, '{{1001,5},{7,NULL}}')":                1,
		"get_step_readiness_status_batch(NULL)":                               0,
		"get_step_readiness_status_batch('{}')":                               0,
		"get_step_readiness_status_batch('{NULL}')":                           0,
		"get_step_readiness_status_batch('{10,NULL,10}')":                     1,
		"get_step_readiness_status_batch(array_fill(10::bigint, '{5000}'))":   1,
		"get_step_readiness_status_batch(array_fill(NULL::bigint, '{5000}'))": 0,
		"get_task_execution_context(NULL)":                                    0,
		"get_task_execution_context(9223372036854775807)":                     0,
		"get_task_execution_contexts_batch(NULL)":                             0,
		"get_task_execution_contexts_batch('{}')":                             0,
		"get_task_execution_contexts_batch('{NULL,10,-5,10}')":                2,
		"get_task_execution_contexts_batch(array_fill(10::bigint, '{5000}'))": 5000,
		"calculate_dependency_levels(NULL)":                                   0,
		"calculate_dependency_levels(-1)":                                     0,
		"get_slowest_tasks_v01('2000-01-01', 0)":                              0,
		"get_slowest_tasks_v01('infinity', 10)":                               0,
		"get_slowest_tasks_v01('2000-01-01', 3)":                              3,
		"get_slowest_steps_v01('2000-01-01', 3)":                              3,
		"get_slowest_steps_v01('2000-01-01', 3, 'no such one')":               0,
		"get_analytics_metrics_v01(NULL)":                                     1,
		"get_analytics_metrics_v01('-infinity')":                              1,
		"get_analytics_metrics_v01('infinity')":                               1,
	} {
		if got := one[int64](t, conn, "SELECT count(*) FROM tasker_sidecar_compat."+question); got != want {
			t.Errorf("%s: %d rows, want %d", question, got, want)
		}
	}
	// No limit and the largest one are the same.
	for _, function := range []string{"get_slowest_tasks_v01", "get_slowest_steps_v01"} {
		all := one[int64](t, conn, "SELECT count(*) FROM tasker_sidecar_compat."+function+"('-infinity', NULL)")
		if most := one[int64](t, conn, "SELECT count(*) FROM tasker_sidecar_compat."+function+"('-infinity', 2147483647)"); all != most || all < 100 {
			t.Errorf("%s: %d without a limit, %d with the largest", function, all, most)
		}
		_, err := conn.Exec(t.Context(), "SELECT * FROM tasker_sidecar_compat."+function+"(NULL, -1)")
		var failure *pgconn.PgError
		if !errors.As(err, &failure) || failure.Code != "2201W" || failure.Message != "LIMIT must not be negative" {
			t.Errorf("%s with a negative limit: error %v", function, err)
		}
	}
}

func TestSlowestFilters(t *testing.T) {
	conn := withGolden(t, tasker.RulesV02)
	for _, function := range []string{"get_slowest_tasks_v01", "get_slowest_steps_v01"} {
		bad := one[int64](t, conn, fmt.Sprintf(`
			WITH every AS (SELECT * FROM tasker_sidecar_compat.%[1]s('2000-01-01', NULL))
			SELECT count(*) FROM (SELECT DISTINCT namespace_name, task_name, version FROM every) k
			WHERE (SELECT count(*) FROM tasker_sidecar_compat.%[1]s('2000-01-01', NULL, k.namespace_name, k.task_name, k.version))
				<> (SELECT count(*) FROM every e WHERE (e.namespace_name, e.task_name, e.version) = (k.namespace_name, k.task_name, k.version))
			OR (SELECT count(*) FROM tasker_sidecar_compat.%[1]s('2000-01-01', NULL, NULL, k.task_name))
				<> (SELECT count(*) FROM every e WHERE e.task_name = k.task_name)`, function))
		if bad != 0 {
			t.Errorf("%s: %d combinations of filters pass other rows than those of their names", function, bad)
		}
	}
}

// Connections are those of now, as the engine's function counts them.
func TestHealthCountsLiveConnections(t *testing.T) {
	conn := withGolden(t, tasker.RulesV02)
	both := query[string](t, conn, `
		SELECT active_connections || ' ' || max_connections FROM public.get_system_health_counts_v01()
		UNION ALL SELECT active_connections || ' ' || max_connections FROM tasker_sidecar_compat.get_system_health_counts_v01()
		UNION ALL SELECT count(*) || ' ' || current_setting('max_connections') FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'`)
	if both[0] != both[1] || both[1] != both[2] {
		t.Errorf("the engine's %s, ours %s, in truth %s", both[0], both[1], both[2])
	}
}
