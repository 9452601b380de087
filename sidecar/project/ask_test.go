package project_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
)

// questions are those that rows can answer, with one that names steps: of some
// tasks of the golden data, which hold all states. %s is the schema that is asked.
var questions = []string{
	`SELECT * FROM %s.get_step_readiness_status(24)`,
	`SELECT * FROM %s.get_step_readiness_status(40, '{1047,1050,1004}')`,
	`SELECT * FROM %s.get_step_readiness_status_batch('{24,40,58,78}')`,
	`SELECT * FROM %s.get_task_execution_context(68)`,
	`SELECT * FROM %s.get_task_execution_contexts_batch('{58,24,40,40}')`,
	`SELECT * FROM %s.calculate_dependency_levels(78)`,
	`SELECT total_tasks, pending_tasks, in_progress_tasks, complete_tasks, error_tasks, cancelled_tasks, total_steps, pending_steps,
		in_progress_steps, complete_steps, error_steps, retryable_error_steps, exhausted_retry_steps, in_backoff_steps
		FROM %s.get_system_health_counts_v01()`,
}

// mark makes whatever is answered from rows recognizable by everybody: such an
// answer differs from the engine's.
const mark = `
	UPDATE tasker_sidecar.step_rows SET name = 'from rows';
	UPDATE tasker_sidecar.task_rows SET status = 'from rows';
	UPDATE tasker_sidecar.dag_rows SET dependency_level = -4711;
	CREATE OR REPLACE FUNCTION tasker_sidecar.mark() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.total_tasks = -4711; RETURN NEW; END';
	CREATE OR REPLACE TRIGGER mark BEFORE INSERT ON tasker_sidecar.flushes FOR EACH ROW EXECUTE FUNCTION tasker_sidecar.mark();
	UPDATE tasker_sidecar.flushes SET total_tasks = -4711`

// ask gives the answer of a schema to a question, one line a row.
func ask(t testing.TB, conn *pgx.Conn, schema, question string, args ...string) string {
	t.Helper()
	values := make([][]byte, len(args))
	for i := range args {
		if args[i] != null {
			values[i] = []byte(args[i])
		}
	}
	result := conn.PgConn().ExecParams(t.Context(), strings.ReplaceAll(question, "%s", schema), values, nil, nil, nil).Read()
	if result.Err != nil {
		t.Fatalf("%s of %s: %v", question, schema, result.Err)
	}
	lines := make([]string, len(result.Rows))
	for i, row := range result.Rows {
		fields := make([]string, len(row))
		for j, value := range row {
			fields[j] = null
			if value != nil {
				fields[j] = string(value)
			}
		}
		lines[i] = strings.Join(fields, "|")
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// null stands for NULL, as an argument and in an answer.
const null = "∅"

// fromRows tells whether an answer came from rows that mark has marked.
func fromRows(answer string) bool {
	return strings.Contains(answer, "from rows") || strings.Contains(answer, "-4711")
}

// engineAnswers are those of the engine's own functions, asked in a session
// that knows nothing of ours.
func engineAnswers(t testing.TB, url string) []string {
	t.Helper()
	conn := projecttest.Session(t, url, map[string]string{"search_path": "public", "TimeZone": "UTC"})
	defer conn.Close(t.Context())
	answers := make([]string, len(questions))
	for i, q := range questions {
		answers[i] = ask(t, conn, "public", q)
	}
	return answers
}

// mustBeExact asks all questions, and wants the engine's answers.
func mustBeExact(t testing.TB, url string, conn *pgx.Conn) {
	t.Helper()
	for i, want := range engineAnswers(t, url) {
		if diff := gocmp.Diff(want, ask(t, conn, dropin.Schema, questions[i])); diff != "" {
			t.Errorf("%s: engine (-), drop-in (+):\n%s", fmt.Sprintf(questions[i], dropin.Schema), diff)
		}
	}
}

// mustBeRight asks all questions, and wants the engine's answers or marked ones.
func mustBeRight(t testing.TB, url string, conn *pgx.Conn) {
	t.Helper()
	for i, want := range engineAnswers(t, url) {
		if got := ask(t, conn, dropin.Schema, questions[i]); got != want && !fromRows(got) {
			t.Errorf("%s: neither the engine's answer nor rows:\n%s", fmt.Sprintf(questions[i], dropin.Schema), got)
		}
	}
}

// mustBeFromRows asks all questions, and wants marked answers.
func mustBeFromRows(t testing.TB, conn *pgx.Conn) {
	t.Helper()
	for _, q := range questions {
		if answer := ask(t, conn, dropin.Schema, q); !fromRows(answer) {
			t.Errorf("%s is not answered from rows:\n%s", fmt.Sprintf(q, dropin.Schema), answer)
		}
	}
}

// refused asks in modes fast and wait, each in a session of its own with some
// settings, and wants exact answers, all counted by one cause. A session may be
// prepared.
func refused(t testing.TB, url, cause string, settings map[string]string, prepare ...string) {
	t.Helper()
	for _, mode := range []string{"fast", "wait"} {
		counted(t, url, map[string]int64{cause: int64(len(questions))}, func() {
			conn := projecttest.Session(t, url, with(settings, "tasker_sidecar.read_mode", mode))
			defer conn.Close(t.Context()) // which makes its counts known
			followtest.Exec(t, conn, prepare...)
			mustBeExact(t, url, conn)
		})
	}
}

func with(settings map[string]string, name, value string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, settings)
	all[name] = value
	return all
}

// counted wants f to be counted so. f ends the sessions that it asks in; those
// of before have to be ended, too, and are waited for, or what they have counted
// would come to be known now.
func counted(t testing.TB, url string, want map[string]int64, f func()) {
	t.Helper()
	observer := followtest.Connect(t, url)
	defer observer.Close(t.Context())
	followtest.Eventually(t, "earlier sessions to be gone", func() bool {
		return value[bool](t, observer, `SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1)`, projecttest.Asking)
	})
	before := counts(t, observer)
	f()
	var got map[string]int64
	followtest.Eventually(t, fmt.Sprintf("answers to be counted as %v", want), func() bool {
		got = counts(t, observer)
		for cause, n := range before {
			if got[cause] -= n; got[cause] == 0 {
				delete(got, cause)
			}
		}
		for cause, n := range want {
			if got[cause] < n {
				return len(got) > len(want) // others were counted: no use to wait
			}
		}
		return true
	})
	if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("answers by where they came from: wanted (-), counted (+):\n%s", diff)
	}
}

// counts reads the counters themselves: the view freshness reads rows, which a
// standby may not have.
func counts(t testing.TB, conn *pgx.Conn) map[string]int64 {
	t.Helper()
	var n map[string]int64
	err := conn.QueryRow(t.Context(), `SELECT jsonb_object_agg(substr(relname::text, 7), pg_stat_get_numscans(oid))
		FROM pg_class WHERE relnamespace = 'tasker_sidecar'::regnamespace AND relname LIKE 'count\_%'`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func loadGolden(t testing.TB, url string) {
	t.Helper()
	conn := followtest.Connect(t, url)
	defer conn.Close(t.Context())
	if err := golden.Load(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	followtest.Exec(t, conn, `ANALYZE`) // what is not known to be small is compiled, for a second
}

// value is the one value of a query's one row.
func value[T any](t testing.TB, conn *pgx.Conn, query string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}
