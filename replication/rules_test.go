package replication

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// seed gives the database a namespace, a system, a named task, a named step and
// a task with id 1.
func seed(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	execute(t, conn,
		"INSERT INTO tasker_task_namespaces (name, created_at, updated_at) VALUES ('default', now(), now())",
		"INSERT INTO tasker_dependent_systems (name, created_at, updated_at) VALUES ('default', now(), now())",
		"INSERT INTO tasker_named_tasks (name, task_namespace_id, version, created_at, updated_at) VALUES ('order', 1, '1', now(), now())",
		"INSERT INTO tasker_named_steps (dependent_system_id, name, created_at, updated_at) VALUES (1, 'pay', now(), now())",
		"INSERT INTO tasker_tasks (named_task_id, requested_at, identity_hash, created_at, updated_at) VALUES (1, now(), 'x', now(), now())",
	)
}

// addStep adds a step to task 1; attempts, retryable, limit, backoff and last
// are SQL. state is that of its transition, made ago (an interval), if any.
func addStep(t *testing.T, conn *pgx.Conn, attempts, retryable, limit, backoff, last, state, ago string) (id int64) {
	t.Helper()
	err := conn.QueryRow(t.Context(), fmt.Sprintf(`
INSERT INTO tasker_workflow_steps (task_id, named_step_id, attempts, retryable, retry_limit, backoff_request_seconds, last_attempted_at, created_at, updated_at)
VALUES (1, 1, %s, %s, %s, %s, %s, now(), now()) RETURNING workflow_step_id`, attempts, retryable, limit, backoff, last)).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	if state != "" {
		execute(t, conn, fmt.Sprintf(`
INSERT INTO tasker_workflow_step_transitions (workflow_step_id, to_state, sort_key, most_recent, created_at, updated_at)
VALUES (%d, '%s', 10, true, now() - interval '%s', now())`, id, state, ago))
	}
	return id
}

func TestDetectRules(t *testing.T) {
	type step struct{ attempts, retryable, limit, backoff, last, state, ago string }
	steps := map[string]step{
		"attempts unknown":                 {"NULL", "true", "3", "NULL", "NULL", "", ""},
		"not retryable after an attempt":   {"1", "false", "3", "NULL", "now()", "in_progress", "1 s"},
		"in a backoff that was asked for":  {"1", "true", "NULL", "3600", "now()", "error", "1 h"},
		"in the backoff after a failure":   {"5", "true", "9", "NULL", "now()", "error", "1 s"},
		"with an old failure":              {"1", "true", "3", "NULL", "now()", "error", "1 h"},
		"out of attempts":                  {"3", "true", "3", "NULL", "now()", "error", "1 s"},
		"with more attempts than they can": {"50", "false", "99", "NULL", "now()", "error", "1 s"},
		"untouched":                        {"0", "true", "3", "NULL", "NULL", "", ""},
	}
	for _, rules := range []tasker.Rules{tasker.RulesV01, tasker.RulesV02} {
		t.Run(rules.String(), func(t *testing.T) {
			conn := connectTo(t, engineDatabase(t, rules))
			// Another zone, and another search_path, must not matter.
			execute(t, conn, "SET TimeZone = 'Asia/Tokyo'", "SET datestyle = 'SQL, DMY'")
			seed(t, conn)
			for name, s := range steps {
				execute(t, conn, "DELETE FROM tasker_workflow_step_transitions", "DELETE FROM tasker_workflow_steps")
				insertStep(t, conn, s.attempts, s.retryable, s.limit, s.backoff, s.last, s.state, s.ago)
				f, err := DetectRules(t.Context(), conn, "public", RulesOptions{})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				switch name {
				case "with an old failure", "out of attempts", "with more attempts than they can", "untouched":
					if f.Rules != tasker.RulesV02 || !f.Provisional || f.Steps != 0 {
						t.Errorf("%s: %+v", name, f)
					}
				default:
					if f.Rules != rules || f.Provisional || f.Steps != 1 || len(f.Kinds) != 1 || f.Kinds[0] != name {
						t.Errorf("%s: %+v", name, f)
					}
				}
			}
		})
	}
}

// insertStep is addStep in a session of any zone.
func insertStep(t *testing.T, conn *pgx.Conn, attempts, retryable, limit, backoff, last, state, ago string) int64 {
	t.Helper()
	execute(t, conn, "SET TimeZone = 'UTC'")
	defer execute(t, conn, "SET TimeZone = 'Asia/Tokyo'")
	return addStep(t, conn, attempts, retryable, limit, backoff, last, state, ago)
}

// readinessFunction is a function of the engine's signature that answers with
// other expressions for three of the columns.
func readinessFunction(schema, eligible, ready, attempts string) string {
	return fmt.Sprintf(`
CREATE OR REPLACE FUNCTION %s.get_step_readiness_status(input_task_id bigint, step_ids bigint[] DEFAULT NULL)
RETURNS TABLE (workflow_step_id bigint, task_id bigint, named_step_id integer, name text, current_state text,
    dependencies_satisfied boolean, retry_eligible boolean, ready_for_execution boolean,
    last_failure_at timestamp, next_retry_at timestamp, total_parents integer, completed_parents integer,
    attempts integer, retry_limit integer, backoff_request_seconds integer, last_attempted_at timestamp)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT s.workflow_step_id, s.task_id, s.named_step_id, n.name::text, 'pending'::text,
        true, %s, %s, NULL::timestamp, NULL::timestamp, 0, 0, %s, coalesce(s.retry_limit, 3), s.backoff_request_seconds, s.last_attempted_at
    FROM public.tasker_workflow_steps s JOIN public.tasker_named_steps n USING (named_step_id)
    WHERE s.task_id = input_task_id AND (step_ids IS NULL OR s.workflow_step_id = ANY (step_ids));
END $$`, schema, eligible, ready, attempts)
}

func TestDetectRulesRefuses(t *testing.T) {
	conn := connectTo(t, engineDatabase(t, tasker.RulesV02))
	seed(t, conn)
	unknown := addStep(t, conn, "NULL", "true", "3", "NULL", "NULL", "", "")
	addStep(t, conn, "1", "false", "3", "NULL", "NULL", "", "")
	ordinary := addStep(t, conn, "0", "true", "3", "NULL", "NULL", "", "")

	for _, c := range []struct {
		name    string
		change  string
		says    []string
		ofRules bool
	}{
		{"neither", readinessFunction("public", "true", "true", "-7"), []string{
			"public.get_step_readiness_status(bigint,bigint[]) answers as neither rules v01 nor v02",
			fmt.Sprintf("of step %d (task 1) it says attempts -7 (v01: null, v02: 0)", unknown), "ready_for_execution true (v01: false, v02: true)",
		}, true},
		{"mixed", readinessFunction("public", "coalesce(s.attempts, 0) < 3", "s.retryable AND s.attempts IS NOT NULL", "s.attempts"), []string{
			"about 1 steps as rules v01 and about 1 as v02", "of step", "v01:", "v02:",
		}, true},
		{"neither on a step where the versions agree", readinessFunction("public",
			"coalesce(s.attempts, 0) < 3", "s.retryable AND s.attempts IS NULL", "coalesce(s.attempts, 0)"),
			[]string{fmt.Sprintf("of step %d (task 1) it says ready_for_execution false (v01: true, v02: true)", ordinary)}, true},
		{"fails", readinessFunction("public", "1/0 > 1", "true", "1"), []string{"public.get_step_readiness_status(bigint,bigint[]) fails: division by zero", "install the engine's own functions"}, false},
		{"lacks a table", "ALTER TABLE tasker_workflow_step_edges RENAME TO edges", []string{"fails: relation \"tasker_workflow_step_edges\" does not exist"}, false},
		{"missing", "DROP FUNCTION get_step_readiness_status", []string{"there is no function get_step_readiness_status(bigint, bigint[])", "run the engine's migrations"}, false},
		{"another signature", "DROP FUNCTION get_step_readiness_status; CREATE FUNCTION get_step_readiness_status(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'", []string{"there is no function"}, false},
		{"another result", "DROP FUNCTION get_step_readiness_status; CREATE FUNCTION get_step_readiness_status(a bigint, b bigint[]) RETURNS TABLE (workflow_step_id bigint[]) LANGUAGE sql AS 'SELECT $2'", []string{"as neither", "attempts nothing (v01: null, v02: 0)"}, true},
		{"in several other schemas", "DROP FUNCTION get_step_readiness_status; CREATE SCHEMA a; CREATE SCHEMA b;" + readinessFunction("a", "true", "true", "1") + ";" + readinessFunction("b", "true", "true", "1"), []string{"not in schema public, but in several others: a, b", "--rules"}, false},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			tx, err := conn.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback(context.Background()) //nolint:errcheck // what was done is undone
			executeScript(t, tx, c.change)
			_, err = detectRules(t.Context(), tx, "public", RulesOptions{}.withDefaults())
			var setup *SetupError
			if !errors.As(err, &setup) || setup.Check != CheckRules || !setup.Permanent {
				t.Fatalf("the error is %v", err)
			}
			for _, say := range c.says {
				if !strings.Contains(err.Error(), say) {
					t.Errorf("%q is not said by: %v", say, err)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line: %v", err)
			}
			var rules *RulesError
			if errors.As(err, &rules) != c.ofRules {
				t.Errorf("the error is %#v", err)
			}
		})
	}
}

// The function need not be where the tables are, and one of ours does not count.
func TestDetectRulesElsewhere(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV01)
	installEngine(t, address, testbed.Options{Schema: "other", Rules: tasker.RulesV02})
	conn := connectTo(t, address)
	seed(t, conn)
	addStep(t, conn, "NULL", "true", "3", "NULL", "NULL", "", "")
	execute(t, conn, "CREATE SCHEMA tasker_sidecar", readinessFunction("tasker_sidecar", "true", "true", "1"), "SET search_path = tasker_sidecar, other")
	f, err := DetectRules(t.Context(), conn, "public", RulesOptions{})
	if err != nil || f.Rules != tasker.RulesV01 || f.Function != "public.get_step_readiness_status(bigint,bigint[])" {
		t.Errorf("%+v, %v", f, err)
	}
	execute(t, conn, "DROP FUNCTION public.get_step_readiness_status")
	f, err = DetectRules(t.Context(), conn, "public", RulesOptions{})
	if err != nil || f.Rules != tasker.RulesV02 || f.Function != "other.get_step_readiness_status(bigint,bigint[])" || f.Provisional {
		t.Errorf("%+v, %v", f, err)
	}
	var path string
	if err := conn.QueryRow(t.Context(), "SHOW search_path").Scan(&path); err != nil || path != "tasker_sidecar, other" {
		t.Errorf("the session is left with search_path %s, %v", path, err)
	}
	f, err = DetectRules(t.Context(), conn, "public", RulesOptions{Override: tasker.RulesV01})
	if err != nil || f.Rules != tasker.RulesV01 || !f.Overridden {
		t.Errorf("%+v, %v", f, err)
	}
}

// RulesDiffer says of random steps what the database's two functions do.
func TestRulesDiffer(t *testing.T) {
	conn := connectTo(t, engineDatabase(t, tasker.RulesV02))
	seed(t, conn)
	random := rand.New(rand.NewPCG(7, 7))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	for range 400 {
		addStep(t, conn, pick("NULL", "0", "1", "2", "3", "5"), pick("true", "false"), pick("NULL", "1", "3", "9"),
			pick("NULL", "NULL", "0", "3600"), pick("NULL", "now()", "now() - interval '2 h'"), pick("", "error", "error", "pending", "complete"), pick("1 s", "3 s", "1 h"))
	}
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background()) //nolint:errcheck // nothing was written
	rows, err := tx.Query(t.Context(), `
SELECT s.workflow_step_id, s.attempts, s.retry_limit, s.retryable, s.backoff_request_seconds, s.last_attempted_at, coalesce(l.to_state, ''), l.created_at, localtimestamp
FROM tasker_workflow_steps s LEFT JOIN tasker_workflow_step_transitions l ON l.workflow_step_id = s.workflow_step_id AND l.most_recent`)
	if err != nil {
		t.Fatal(err)
	}
	says := map[int64]bool{}
	var ids []int64
	for rows.Next() {
		var id int64
		var attempts, limit, backoff *int32
		var retryable bool
		var last, since, now *time.Time
		var state string
		if err := rows.Scan(&id, &attempts, &limit, &retryable, &backoff, &last, &state, &since, &now); err != nil {
			t.Fatal(err)
		}
		s := tasker.WorkflowStep{Attempts: null(attempts), RetryLimit: null(limit), Retryable: retryable, BackoffRequestSeconds: null(backoff), LastAttemptedAt: timestamp(last)}
		says[id] = RulesDiffer(&s, state, timestamp(since), timestamp(now))
		ids = append(ids, id)
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	answers, err := askRules(t.Context(), tx, ids)
	if err != nil {
		t.Fatal(err)
	}
	differ := 0
	for _, a := range answers {
		if d := len(deviations(a.answered, a.v02)); d > 0 {
			t.Fatalf("step %d: the function follows v02, and we work out %v instead of %v", a.step, a.v02, a.answered)
		}
		really := len(deviations(a.v01, a.v02)) > 0
		if really {
			differ++
		}
		if says[a.step] != really {
			t.Errorf("step %d: %v, but v01 answers %v and v02 %v", a.step, says[a.step], a.v01, a.v02)
		}
	}
	if len(answers) != 400 || differ < 50 || differ > 350 {
		t.Errorf("%d answers, %d of them different: not much of a test", len(answers), differ)
	}
}

func null(v *int32) tasker.Null[int32] {
	if v == nil {
		return tasker.Null[int32]{}
	}
	return tasker.Some(*v)
}

func timestamp(v *time.Time) tasker.Timestamp {
	if v == nil {
		return tasker.NoTime
	}
	return tasker.TimestampOf(*v)
}

// Of the golden tasks, too, all answers are as one version has them, and every
// step is found of which the golden answers of the versions differ.
func TestDetectRulesOnGoldenData(t *testing.T) {
	for _, rules := range []tasker.Rules{tasker.RulesV01, tasker.RulesV02} {
		conn := connectTo(t, engineDatabase(t, rules))
		if err := golden.Load(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		f, err := DetectRules(t.Context(), conn, "public", RulesOptions{StepsPerKind: 3000, StatementTimeout: time.Minute})
		if err != nil || f.Rules != rules || f.Provisional || f.Steps != 352 || len(f.Kinds) != 4 {
			t.Errorf("%s: %+v, %v", rules, f, err)
		}
	}
}

// A search that takes too long is given up, and the rest is asked; asking that
// takes too long, of many steps, is asking about few.
func TestDetectRulesGivesUpWhatTakesLong(t *testing.T) {
	conn := connectTo(t, engineDatabase(t, tasker.RulesV01))
	seed(t, conn)
	for range 20 {
		addStep(t, conn, "NULL", "true", "3", "NULL", "NULL", "", "")
	}
	quick := rulesKinds
	defer func() { rulesKinds = quick }()
	rulesKinds = append([]rulesKind{{"slow", true, "SELECT 1::bigint FROM pg_sleep(60) LIMIT $1"}}, quick...)
	f, err := DetectRules(t.Context(), conn, "public", RulesOptions{StatementTimeout: time.Second})
	if err != nil || f.Rules != tasker.RulesV01 || f.Provisional || f.Steps != 20 {
		t.Errorf("%+v, %v", f, err)
	}
	rulesKinds = quick
	execute(t, conn, readinessFunction("public", "pg_sleep(0.1) IS NOT NULL", "false", "s.attempts"))
	f, err = DetectRules(t.Context(), conn, "public", RulesOptions{StatementTimeout: time.Second})
	if err != nil || f.Rules != tasker.RulesV01 || f.Steps != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	execute(t, conn, readinessFunction("public", "pg_sleep(60) IS NOT NULL", "false", "s.attempts"))
	if f, err = DetectRules(t.Context(), conn, "public", RulesOptions{StatementTimeout: 200 * time.Millisecond}); err == nil || Permanent(err) || !strings.Contains(err.Error(), "did not answer in time") {
		t.Errorf("%+v, %v", f, err)
	}
}
