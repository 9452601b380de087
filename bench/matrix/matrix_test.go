package matrix_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/bench/matrix"
	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/engine"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/loader"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// subjects are the engine's functions, the drop-ins and the index over tasks of
// every shape in all states.
func subjects(t *testing.T) (url string, all []matrix.Subject, args []*matrix.Args) {
	t.Helper()
	url = followtest.Database(t, testbed.Options{})
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	spec := workload.Spec{Tasks: 100, Seed: 3}
	for _, s := range workload.Shapes() {
		spec.Mix = append(spec.Mix, workload.Share[workload.Source]{Percent: 4, Of: workload.OfShape(s, 5, 15)})
	}
	for _, s := range workload.Scenarios() {
		spec.Scenarios = append(spec.Scenarios, workload.Share[workload.Scenario]{Percent: 6, Of: s})
	}
	stats, err := loader.Load(t.Context(), pool, workload.Generate(spec), loader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	conn := followtest.Connect(t, url)
	if err := schema.Install(t.Context(), conn, schema.Options{Steps: []schema.Step{{Name: "drop-ins", Run: func(ctx context.Context, tx pgx.Tx, engine string) error {
		return dropin.Install(ctx, tx, dropin.Options{Engine: engine})
	}}}}); err != nil {
		t.Fatal(err)
	}
	f := followtest.Start(t, url, nil)
	f.Reach(t, conn)
	for _, name := range []string{matrix.Engine, matrix.Exact} {
		s, err := matrix.Connect(t.Context(), name, matrix.DatabaseOptions{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		all = append(all, s)
	}
	all = append(all, &matrix.Process{View: f.View, Now: func() tasker.Timestamp { return tasker.TimestampOf(time.Now()) }})
	var ids []int64
	for id := stats.FirstTaskID; id <= stats.LastTaskID; id++ {
		ids = append(ids, id)
	}
	for i := range 10 {
		var step int64
		if err := conn.QueryRow(t.Context(), "SELECT max(workflow_step_id) FROM tasker_workflow_steps WHERE task_id = $1", ids[i*10]).Scan(&step); err != nil {
			t.Fatal(err)
		}
		args = append(args, &matrix.Args{Task: ids[i*10], Step: step, Tasks: ids[i : i+50], All: ids, Since: tasker.TimestampOf(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)), Limit: 50})
	}
	server, err := api.New(current{f.View}, api.Options{Listen: "127.0.0.1:0", ReadHeaderTimeout: time.Hour, ReadTimeout: time.Hour, WriteTimeout: time.Hour, IdleTimeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	browser, err := matrix.Browse(t.Context(), server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(browser.Close)
	return url, append(all, browser), args
}

// TestMatrix shares one database among the tests below.
func TestMatrix(t *testing.T) {
	url, all, args := subjects(t)
	t.Run("all answer the same", func(t *testing.T) { allAnswerTheSame(t, all, args) })
	t.Run("one wrong field is found", func(t *testing.T) { oneWrongFieldIsFound(t, all, args) })
	t.Run("rows that are missing", func(t *testing.T) { rowsThatAreMissing(t, all, args) })
	t.Run("subjects only read", func(t *testing.T) { subjectsOnlyRead(t, url) })
	t.Run("cut", func(t *testing.T) { cut(t, url, all, args) })
}

// Every subject answers every question as the engine does; the two functions
// that fail are found to fail, and the others are compared all the same.
func allAnswerTheSame(t *testing.T, all []matrix.Subject, args []*matrix.Args) {
	var findings matrix.Findings
	for _, q := range matrix.Questions() {
		before := findings.Compared
		if err := matrix.Check(t.Context(), q, all, args, &findings); err != nil {
			t.Errorf("%s: %v", q.Name, err)
		}
		if findings.Compared-before < 10 {
			t.Errorf("%s: %d answers were compared", q.Name, findings.Compared-before)
		}
	}
	for _, q := range []string{"slowest-tasks", "slowest-steps"} {
		if e := findings.Ending(matrix.Engine, q); e == nil || e.Cut || e.Fails == "" {
			t.Errorf("%s of the engine: %+v", q, e)
		}
	}
	if len(findings.Endings) != 1 || len(findings.Endings[matrix.Engine]) != 2 || findings.Undecided != 0 {
		t.Errorf("%+v", findings)
	}
}

// liar answers as another subject does, but for one field of the last row.
type liar struct {
	matrix.Subject
	field int
}

func (l liar) Name() string { return "liar" }

func (l liar) Answer(ctx context.Context, q *matrix.Question, a *matrix.Args) ([]any, error) {
	rows, err := l.Subject.Answer(ctx, q, a)
	if err != nil || len(rows) == 0 {
		return rows, err
	}
	row := reflect.New(reflect.TypeOf(rows[len(rows)-1])).Elem()
	row.Set(reflect.ValueOf(rows[len(rows)-1]))
	lie(row.Field(l.field))
	rows[len(rows)-1] = row.Interface()
	return rows, nil
}

func lie(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int32, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.String:
		v.SetString(v.String() + "?")
	case reflect.Uint8:
		v.SetUint(v.Uint() + 1)
	case reflect.Slice:
		v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
	case reflect.Struct:
		if d, ok := v.Interface().(tasker.Decimal); ok {
			d.Unscaled++
			v.Set(reflect.ValueOf(d))
			return
		}
		if valid := v.FieldByName("Valid"); valid.Bool() {
			lie(v.FieldByName("V"))
		} else {
			valid.SetBool(true)
		}
	default:
		panic(v.Kind().String())
	}
}

// One field that is wrong, of any question, is found, and named.
func oneWrongFieldIsFound(t *testing.T, all []matrix.Subject, args []*matrix.Args) {
	process := all[2]
	for _, q := range matrix.Questions() {
		rows, err := process.Answer(t.Context(), q, args[0])
		if err != nil || len(rows) == 0 {
			t.Fatalf("%s: %d rows, %v", q.Name, len(rows), err)
		}
		row := reflect.TypeOf(rows[0])
		for i := range row.NumField() {
			name, _, _ := strings.Cut(row.Field(i).Tag.Get("json"), ",")
			ignored := strings.Contains(" "+strings.Join(q.Ignore, " ")+" ", " "+name+" ")
			err := matrix.Check(t.Context(), q, append(all[:3:3], liar{process, i}), args[:1], new(matrix.Findings))
			var d *matrix.Difference
			switch {
			case ignored && err != nil:
				t.Errorf("%s, %s: %v", q.Name, name, err)
			case !ignored && (!errors.As(err, &d) || d.Field != name || d.Subject != "liar" || d.Theirs == d.Ours):
				t.Errorf("%s, %s: the difference was not found: %v", q.Name, name, err)
			}
		}
	}
}

// A row too many and one too few are differences.
func rowsThatAreMissing(t *testing.T, all []matrix.Subject, args []*matrix.Args) {
	q := matrix.QuestionByName("step-readiness")
	for name, s := range map[string]matrix.Subject{"too few": cutter{all[2], 1}, "too many": cutter{all[2], -1}} {
		err := matrix.Check(t.Context(), q, []matrix.Subject{all[0], s}, args[:1], new(matrix.Findings))
		var d *matrix.Difference
		if !errors.As(err, &d) || d.Field != "row" || d.Task != args[0].Task || d.Step == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// cutter leaves rows out, or gives the last one again.
type cutter struct {
	matrix.Subject
	rows int
}

func (c cutter) Answer(ctx context.Context, q *matrix.Question, a *matrix.Args) ([]any, error) {
	rows, err := c.Subject.Answer(ctx, q, a)
	if c.rows < 0 {
		return append(rows, rows[len(rows)-1]), err
	}
	return rows[:len(rows)-c.rows], err
}

// A question that takes too long is cut, and not asked again.
func cut(t *testing.T, url string, all []matrix.Subject, args []*matrix.Args) {
	conn := followtest.Connect(t, url)
	followtest.Exec(t, conn, `CREATE OR REPLACE FUNCTION calculate_dependency_levels(input_task_id bigint) RETURNS TABLE (workflow_step_id bigint, dependency_level integer)
		LANGUAGE plpgsql STABLE AS 'BEGIN PERFORM pg_sleep(60); END'`)
	slow, err := matrix.Connect(t.Context(), matrix.Engine, matrix.DatabaseOptions{URL: url, Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	start := time.Now()
	var findings matrix.Findings
	if err := matrix.Check(t.Context(), matrix.QuestionByName("dependency-levels"), append([]matrix.Subject{slow}, all[1:]...), args, &findings); err != nil {
		t.Fatal(err)
	}
	if e := findings.Ending(matrix.Engine, "dependency-levels"); e == nil || !e.Cut || time.Since(start) > 30*time.Second {
		t.Errorf("%+v after %v", e, time.Since(start))
	}
	// One that is cut only when it is asked again takes the blame itself.
	second := new(matrix.Findings)
	if err := matrix.Check(t.Context(), matrix.QuestionByName("dependency-levels"), []matrix.Subject{&tired{Subject: all[1]}, all[2], all[3]}, args[:1], second); err != nil {
		t.Fatal(err)
	}
	if e := second.Ending("tired", "dependency-levels"); e == nil || !e.Cut || len(second.Endings) != 1 || second.Compared != 1 {
		t.Errorf("%+v", second)
	}
	if findings.Compared < 10 { // with each other
		t.Errorf("%+v", findings)
	}
}

// A subject cannot write.
func subjectsOnlyRead(t *testing.T, url string) {
	s, err := matrix.Connect(t.Context(), matrix.Exact, matrix.DatabaseOptions{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	q := *matrix.QuestionByName("health-counts")
	q.SQL = "DELETE FROM tasker_tasks"
	if err := s.Ask(t.Context(), &q, &matrix.Args{}); err == nil || !strings.Contains(err.Error(), "read-only transaction") {
		t.Errorf("a write was accepted: %v", err)
	}
}

// tired answers once, and is cut when it is asked again.
type tired struct {
	matrix.Subject
	asked bool
}

func (*tired) Name() string { return "tired" }

func (s *tired) Answer(ctx context.Context, q *matrix.Question, a *matrix.Args) ([]any, error) {
	if s.asked {
		return nil, fmt.Errorf("levels: %w", engine.ErrTimedOut)
	}
	s.asked = true
	return s.Subject.Answer(ctx, q, a)
}
