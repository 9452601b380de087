package clients_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden/goldentest"
)

// step is something that the application does; see testdata/activerecord.rb.
type step map[string]any

func (q question) step() step {
	binds := q.binds
	if binds == nil {
		binds = []any{}
	}
	return step{"ask": q.sql, "binds": binds}
}

// application does the steps with ActiveRecord, over one connection that is
// configured as in a database.yml, and gives what each of them gave.
func application(t *testing.T, address string, configuration map[string]any, steps ...step) []json.RawMessage {
	t.Helper()
	ruby := program(t, "ruby", installRuby)
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	database := map[string]any{
		"adapter": "postgresql", "host": config.Host, "port": config.Port, "database": config.Database, "username": config.User, "password": config.Password,
	}
	maps.Copy(database, configuration)
	plan, err := json.Marshal(map[string]any{"database": database, "steps": steps})
	if err != nil {
		t.Fatal(err)
	}
	run(t, address, nil, `
		begin
			require "active_record"
			require "pg"
		rescue LoadError => missing
			abort missing.message+"; `+installRuby+`"
		end`, ruby)
	out := run(t, address, nil, string(plan), ruby, "testdata/activerecord.rb")
	var given []json.RawMessage
	if err := json.Unmarshal(out, &given); err != nil || len(given) != len(steps) {
		t.Fatalf("%d of %d steps: %v:\n%s", len(given), len(steps), err, out)
	}
	return given
}

// read reads what a step gave.
func read[T any](t testing.TB, raw json.RawMessage) (v T) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return v
}

// only is the one value of an answer.
func only(t testing.TB, raw json.RawMessage) string {
	t.Helper()
	a := read[answer](t, raw)
	if len(a.Rows) != 1 || len(a.Rows[0]) != 1 || a.Rows[0][0] == nil {
		t.Fatalf("not one value: %s", raw)
	}
	return *a.Rows[0][0]
}

// TestActiveRecord asks with ActiveRecord, configured as docs/rails.md says.
func TestActiveRecord(t *testing.T) {
	l := newLab(t)
	asked := questions(t)
	steps := make([]step, len(asked))
	for i, q := range asked {
		steps[i] = q.step()
	}
	ids := goldentest.TaskIDs(t)
	models := []question{}
	for _, in := range [][]int64{ids[9:10], ids[10:20], ids} {
		models = append(models, question{sql: view, binds: []any{array(in)}, ordered: true})
		steps = append(steps, step{"view": step{"task_id": in}})
	}
	all := append(asked, models...)
	want := engine(t, l, all)
	for _, prepared := range []bool{true, false} {
		for _, mode := range modes {
			t.Run(fmt.Sprintf("%s, prepared statements %t", mode, prepared), func(t *testing.T) {
				since := l.counts(t)
				given := application(t, l.application, switched(mode, prepared), steps...)
				for i, q := range all {
					q.same(t, want[i], read[answer](t, given[i]))
				}
				l.counted(t, since, from(mode, asked))
			})
		}
	}
}

// switched is the configuration of an application that is switched over.
func switched(mode string, prepared bool) map[string]any {
	return map[string]any{"schema_search_path": path, "variables": settings(mode), "prepared_statements": prepared}
}

// where asks which schema's function a call means.
var where = step{"ask": `SELECT pronamespace::regnamespace::text FROM pg_proc WHERE oid = to_regprocedure('get_step_readiness_status(bigint, bigint[])')`, "binds": []any{}}

// TestActiveRecordTransactions: in a transaction that has written something, and
// in one that sees a state of its own, answers are computed in every mode.
func TestActiveRecordTransactions(t *testing.T) {
	l := newLab(t)
	task := goldentest.TaskIDs(t)[12]
	some := []question{
		{sql: readiness, binds: []any{task, nil}},
		{sql: execution, binds: []any{task}},
		{sql: levels, binds: []any{task}, ordered: true},
	}
	for _, prepared := range []bool{true, false} {
		for _, mode := range modes {
			t.Run(fmt.Sprintf("%s, prepared statements %t", mode, prepared), func(t *testing.T) {
				since := l.counts(t)
				var three []step
				for _, q := range some {
					three = append(three, q.step())
				}
				var writing []step
				writing = append(writing, three...)
				writing = append(writing, step{"execute": fmt.Sprintf("UPDATE tasker_workflow_steps SET attempts = 77, retry_limit = 99 WHERE task_id = %d", task)})
				writing = append(writing, three...)
				writing = append(writing, step{"execute": "SET LOCAL search_path TO public"})
				writing = append(writing, three...)
				given := application(t, l.application, switched(mode, prepared),
					step{"transaction": writing},
					step{"transaction": three, "options": step{"isolation": "repeatable_read"}},
					step{"transaction": three, "options": step{"isolation": "read_committed"}})

				parts := read[[]json.RawMessage](t, given[0])
				for i, q := range some {
					before, own, theirs := read[answer](t, parts[i]), read[answer](t, parts[4+i]), read[answer](t, parts[8+i])
					q.same(t, theirs, own)
					if i == 0 && cmp.Equal(q.comparable(before), q.comparable(own)) {
						t.Error("the transaction does not see what it has written")
					}
					for _, other := range given[1:] {
						q.same(t, before, read[answer](t, read[[]json.RawMessage](t, other)[i]))
					}
				}
				want := map[string]int64{}
				if mode != "exact" {
					want = map[string]int64{"rows": 6, "own_writes": 3, "isolation": 3}
				}
				l.counted(t, since, want)
			})
		}
	}
}

// TestActiveRecordGoesBack: a changed search_path holds from the next statement
// on, for prepared ones, too.
func TestActiveRecordGoesBack(t *testing.T) {
	l := newLab(t)
	task := goldentest.TaskIDs(t)[12]
	ask := question{sql: readiness, binds: []any{task, nil}}
	round := []step{ask.step(), where}
	back := step{"execute": "SET search_path TO public"}
	forth := step{"execute": "SET search_path TO " + path}
	for _, prepared := range []bool{true, false} {
		t.Run(fmt.Sprintf("prepared statements %t", prepared), func(t *testing.T) {
			since := l.counts(t)
			var steps []step
			for _, change := range []step{{"version": true}, {"search_path": "public"}, {"search_path": path}, back, forth, back, forth} {
				steps = append(append(steps, change), round...)
			}
			given := application(t, l.application, switched("fast", prepared), steps...)
			t.Logf("ActiveRecord %s", read[string](t, given[0]))
			for i, schema := range []string{dropin.Schema, "public", dropin.Schema, "public", dropin.Schema, "public", dropin.Schema} {
				if got := only(t, given[3*i+2]); got != schema {
					t.Errorf("round %d: the function of %s is meant, not that of %s", i, got, schema)
				}
				ask.same(t, read[answer](t, given[1]), read[answer](t, given[3*i+1]))
			}
			l.counted(t, since, map[string]int64{"rows": 4})
		})
	}
}

// TestActiveRecordIsToldByTheServer: path and read mode can be the role's, as
// behind a pooler, and nothing of ours is in the application's configuration.
func TestActiveRecordIsToldByTheServer(t *testing.T) {
	l := newLab(t)
	followtest.Exec(t, l.Conn,
		fmt.Sprintf("ALTER ROLE %s SET search_path = %s", l.role, path),
		fmt.Sprintf("INSERT INTO tasker_sidecar.settings (role_name, read_mode) VALUES ('%s', 'wait')", l.role))
	since := l.counts(t)
	ask := question{sql: readiness, binds: []any{goldentest.TaskIDs(t)[12], nil}}
	given := application(t, l.application, nil, ask.step(), where)
	ask.same(t, ask.ask(t, l.Conn), read[answer](t, given[0]))
	if got := only(t, given[1]); got != dropin.Schema {
		t.Errorf("the function of %s is meant", got)
	}
	l.counted(t, since, map[string]int64{"rows": 1})
}
