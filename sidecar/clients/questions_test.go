package clients_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden/goldentest"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// question is a statement as the engine's wrappers send it.
type question struct {
	sql   string
	binds []any // an int64, a string (arrays are text), an instant, or nil

	// from is what an answer is counted as in the modes wait and fast: "rows",
	// or the cause for which it is computed; "": it always is.
	from string
	// waiting is the same in the mode wait, where it differs.
	waiting string
	// ordered says that the order of the rows is part of the answer.
	ordered bool
	// leaveOut are columns that differ from call to call.
	leaveOut []string
	// file has the answer where the engine's function fails.
	file string
}

// instant is a bind that a client passes as its own type for a time.
type instant struct {
	Time string `json:"time"`
}

func (q question) String() string { return fmt.Sprintf("%s %v", q.sql, q.binds) }

const (
	readiness      = "SELECT * FROM get_step_readiness_status($1::BIGINT, $2::BIGINT[])"
	readinessBatch = "SELECT * FROM get_step_readiness_status_batch($1::BIGINT[])"
	execution      = "SELECT * FROM get_task_execution_context($1::BIGINT)"
	contextsBatch  = "SELECT * FROM get_task_execution_contexts_batch($1::BIGINT[])"
	levels         = "SELECT * FROM calculate_dependency_levels($1::BIGINT)"
	view           = "SELECT * FROM tasker_step_dag_relationships WHERE task_id = ANY ($1::BIGINT[]) ORDER BY workflow_step_id"
)

// questions ask all that the engine asks: about every third task of the golden
// data, and in batches about all of them.
func questions(t testing.TB) (all []question) {
	t.Helper()
	ids := goldentest.TaskIDs(t)
	steps, err := golden.Expected[tasker.StepReadiness](tasker.RulesV02, "get_step_readiness_status")
	if err != nil {
		t.Fatal(err)
	}
	some := map[int64][]int64{} // of each task, and one that is another's
	for i, s := range steps {
		if i%2 == 0 || len(some[s.TaskID]) == 0 {
			some[s.TaskID] = append(some[s.TaskID], s.WorkflowStepID)
		}
	}
	for i := 0; i < len(ids); i += 3 {
		id := ids[i]
		all = append(all,
			question{sql: readiness, binds: []any{id, nil}, from: "rows"},
			question{sql: readiness, binds: []any{id, array(append(some[id], some[ids[(i+1)%len(ids)]]...))}, from: "rows"},
			question{sql: execution, binds: []any{id}, from: "rows"},
			question{sql: levels, binds: []any{id}, from: "rows", ordered: true})
	}
	const unknown = int64(1) << 40
	since := instant{"2000-01-01T00:00:00Z"}
	session := []string{"analysis_period_start", "calculated_at"}
	return append(all,
		question{sql: readiness, binds: []any{ids[0], "{}"}, from: "rows"},
		question{sql: readiness, binds: []any{unknown, nil}, from: "not_covered"},
		question{sql: readiness, binds: []any{nil, nil}, from: "not_covered", waiting: "rows"}, // there is no such task, nor a row of it
		question{sql: readinessBatch, binds: []any{array(ids)}, from: "rows"},
		question{sql: readinessBatch, binds: []any{array([]int64{ids[3], ids[5], ids[3]})}, from: "rows"},
		question{sql: readinessBatch, binds: []any{"{}"}, from: "rows"},
		question{sql: readinessBatch, binds: []any{nil}, from: "rows"},
		question{sql: contextsBatch, binds: []any{array(ids)}, from: "rows", ordered: true},
		question{sql: contextsBatch, binds: []any{array([]int64{ids[5], ids[3], ids[5]})}, from: "rows", ordered: true},
		question{sql: contextsBatch, binds: []any{array([]int64{ids[5], unknown})}, from: "not_covered", ordered: true},
		question{sql: "SELECT * FROM get_system_health_counts_v01()", from: "rows", leaveOut: []string{"active_connections"}},
		question{sql: "SELECT * FROM get_analytics_metrics_v01()", leaveOut: session},
		question{sql: "SELECT * FROM get_analytics_metrics_v01($1)", binds: []any{since}, leaveOut: session},
		question{sql: "SELECT * FROM get_slowest_tasks_v01($1, $2, $3, $4, $5)", binds: []any{since, int64(50), nil, nil, nil}, ordered: true, file: "get_slowest_tasks_v01"},
		question{sql: "SELECT * FROM get_slowest_steps_v01($1, $2, $3, $4, $5)", binds: []any{since, int64(50), nil, nil, nil}, ordered: true, file: "get_slowest_steps_v01"},
		question{sql: view, binds: []any{array(ids)}, ordered: true},
		question{sql: view, binds: []any{array(ids[7:8])}, ordered: true})
}

// array is a list as the engine sends it.
func array(ids []int64) string {
	return "{" + strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]") + "}"
}

// answer is what a client got: values as PostgreSQL writes them, nil for NULL.
type answer struct {
	Columns []string    `json:"columns"`
	Rows    [][]*string `json:"rows"`
}

// engine asks the engine's own functions: their schema alone is in the path.
// What they answer does not depend on when they are asked.
func engine(t testing.TB, l *lab, asked []question) []answer {
	t.Helper()
	conn := followtest.Connect(t, l.URL)
	followtest.Exec(t, conn, "SET TimeZone TO 'UTC'", "SET search_path TO public")
	answers := make([]answer, len(asked))
	for i, q := range asked {
		answers[i] = q.ask(t, conn)
	}
	return answers
}

// ask asks over a connection of this program.
func (q question) ask(t testing.TB, conn *pgx.Conn) answer {
	t.Helper()
	if q.file != "" {
		return q.read(t)
	}
	params := make([][]byte, len(q.binds))
	for i, bind := range q.binds {
		if text := bindText(bind); text != nil {
			params[i] = []byte(*text)
		}
	}
	result := conn.PgConn().ExecParams(t.Context(), q.sql, params, nil, nil, nil)
	var a answer
	for result.NextRow() {
		row := make([]*string, len(result.Values()))
		for i, v := range result.Values() {
			if v != nil {
				text := string(v)
				row[i] = &text
			}
		}
		a.Rows = append(a.Rows, row)
	}
	for _, f := range result.FieldDescriptions() {
		a.Columns = append(a.Columns, f.Name)
	}
	if _, err := result.Close(); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	return a
}

func bindText(bind any) *string {
	if bind == nil {
		return nil
	}
	text := fmt.Sprint(bind)
	if at, ok := bind.(instant); ok {
		text = at.Time
	}
	return &text
}

// read is the golden answer.
func (q question) read(t testing.TB) answer {
	t.Helper()
	text, err := fs.ReadFile(golden.Files, "expected/"+q.file+".csv")
	if err != nil {
		t.Fatal(err)
	}
	return fromCSV(t, text, "")
}

// fromCSV reads rows below a header; null is what NULL is written as.
func fromCSV(t testing.TB, text []byte, null string) (a answer) {
	t.Helper()
	records, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || len(records) == 0 {
		t.Fatalf("%v: %s", err, text)
	}
	a.Columns = records[0]
	for _, record := range records[1:] {
		row := make([]*string, len(record))
		for i := range record {
			if record[i] != null {
				row[i] = &record[i]
			}
		}
		a.Rows = append(a.Rows, row)
	}
	return a
}

// same fails unless got is the answer that want is.
func (q question) same(t testing.TB, want, got answer) {
	t.Helper()
	if diff := cmp.Diff(q.comparable(want), q.comparable(got)); diff != "" {
		t.Errorf("%s: the engine (-), the client (+):\n%s", q, diff)
	}
}

var (
	utc     = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d.*)\+00$`)
	decimal = regexp.MustCompile(`^(-?\d+)(?:\.0+|(\.\d*[1-9])0*)$`)
)

// comparable is an answer without what may differ: the order of rows where none
// is promised, and what is written differently and means the same.
func (q question) comparable(a answer) [][]string {
	rows := [][]string{a.Columns}
	for _, values := range a.Rows {
		row := make([]string, len(values))
		for i, v := range values {
			switch {
			case slices.Contains(q.leaveOut, a.Columns[i]):
			case v == nil:
				row[i] = "NULL"
			case strings.HasPrefix(*v, "["):
				row[i] = strings.ReplaceAll(*v, " ", "")
			default:
				row[i] = decimal.ReplaceAllString(utc.ReplaceAllString(*v, "$1"), "$1$2")
			}
		}
		rows = append(rows, row)
	}
	if !q.ordered {
		slices.SortFunc(rows[1:], slices.Compare)
	}
	return rows
}
