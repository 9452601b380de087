package dropin_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload/chaos"
)

// Environment of the differential tests, the same as that of the follower's:
// how long each goes on, and the seed of the only program to run, as a failure
// prints it.
const (
	durationVariable = "TASKER_SIDECAR_TEST_DIFFERENTIAL"
	seedVariable     = "TASKER_SIDECAR_TEST_SEED"
)

// TestDifferentialV02 and TestDifferentialV01 play random transactions, legal
// and illegal ones, and compare our answers with the engine's in one statement
// at the quiet points between.
func TestDifferentialV02(t *testing.T) { differential(t, tasker.RulesV02) }
func TestDifferentialV01(t *testing.T) { differential(t, tasker.RulesV01) }

func differential(t *testing.T, rules tasker.Rules) {
	length := 8 * time.Second
	if text := os.Getenv(durationVariable); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("%s: %v", durationVariable, err)
		}
		length = d
	}
	conn := installed(t, rules)
	var total outcome
	if text := os.Getenv(seedVariable); text != "" {
		var seed uint64
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
		runProgram(t, conn, seed, &total)
		return
	}
	for end := time.Now().Add(length); time.Now().Before(end) && !t.Failed(); {
		runProgram(t, conn, rand.Uint64N(1<<32), &total)
	}
	if total.programs == 0 || total.compared < 20*total.programs || total.rows == 0 {
		t.Errorf("too little was compared: %+v", total)
	}
	t.Logf("%+v", total)
}

// outcome is what was compared.
type outcome struct {
	programs, compared int
	rows               int64 // in the answers
	failing            int   // questions on which the engine's function fails or never ends
}

// runProgram plays the program of a seed in an empty database and compares.
func runProgram(t *testing.T, conn *pgx.Conn, seed uint64, total *outcome) {
	t.Helper()
	exec(t, conn, "TRUNCATE tasker_task_namespaces, tasker_dependent_systems CASCADE")
	r := rand.New(rand.NewPCG(seed, 1))
	o := chaos.Options{
		Seed: seed, Transactions: 5 + r.IntN(20), Tasks: 1 + r.IntN(12), Steps: 2 + r.IntN(40),
		Overflow: r.IntN(4) == 0, Referential: r.IntN(4) == 0, BigRows: 1 + r.IntN(300),
	}
	if r.IntN(2) == 0 {
		o.Now = time.Now()
	}
	program := chaos.Generate(o)
	total.programs++
	const stretch = 6 // transactions between two quiet points
	for at := 0; at < len(program.Sessions[0]) && !t.Failed(); at += stretch {
		part := chaos.Program{Sessions: [][]chaos.Transaction{program.Sessions[0][at:min(at+stretch, len(program.Sessions[0]))]}}
		if at == 0 {
			part.Base = program.Base
		}
		if _, err := chaos.Run(t.Context(), []*pgx.Conn{conn}, part); err != nil {
			t.Fatal(err)
		}
		compareAll(t, conn, total)
	}
	if t.Failed() {
		t.Logf("seed %d (%s=%[1]d):\n%s", seed, seedVariable, program)
	}
}

// A comparison is a question put to the engine's function and to ours; the
// argument, where there is one, comes from a row of the statement args.
type comparison struct {
	name         string
	args         string
	engine, ours string
	unless       string // a condition on the engine's answer that stands for a failure
}

var comparisons = []comparison{
	same("get_step_readiness_status", "($1)", everyTask),
	same("get_step_readiness_status", "(NULL)", ""),
	same("get_step_readiness_status", "($1, ARRAY(SELECT workflow_step_id FROM tasker_workflow_steps WHERE workflow_step_id % 2 = 0) || NULL)", everyTask),
	same("get_step_readiness_status", "($1, '{}')", everyTask),
	same("get_task_execution_context", "($1)", everyTask),
	same("get_task_execution_context", "(NULL)", ""),
	same("get_step_readiness_status_batch", "("+everyTask+" || "+everyTask+" || NULL::bigint)", ""),
	same("get_task_execution_contexts_batch", "("+everyTask+" || "+everyTask+" || NULL::bigint)", ""),
	same("get_step_readiness_status_batch", "("+everyTask+" || "+manyMore+")", ""),
	same("get_task_execution_contexts_batch", "("+everyTask+" || "+manyMore+")", ""),
	same("get_step_readiness_status_batch", "(NULL)", ""),
	same("get_task_execution_contexts_batch", "('{}')", ""),
	same("calculate_dependency_levels", "($1)", everyTask),
	analytics("('2000-01-01')"),
	analytics("()"),
	{
		name:   "get_system_health_counts_v01",
		engine: "SELECT * FROM public.get_system_health_counts_v01()",
		ours:   "SELECT * FROM tasker_sidecar_compat.get_system_health_counts_v01()",
	},
	{
		name:   "view",
		engine: "SELECT * FROM public.tasker_step_dag_relationships",
		ours:   "SELECT * FROM tasker_sidecar_compat.tasker_step_dag_relationships",
	},
	{
		name: "view by task", args: "SELECT unnest(" + everyTask + ")",
		engine: "SELECT * FROM public.tasker_step_dag_relationships WHERE task_id = $1",
		ours:   "SELECT * FROM tasker_sidecar_compat.tasker_step_dag_relationships WHERE task_id = $1",
	},
	slowest("get_slowest_tasks_v01"),
	slowest("get_slowest_steps_v01"),
}

// everyTask are the ids that some row has for a task, and one that none has.
const everyTask = "(SELECT array_agg(task_id) FROM (SELECT task_id FROM tasker_tasks UNION SELECT task_id FROM tasker_workflow_steps UNION SELECT 12345) x)"

func same(function, arguments, args string) comparison {
	c := comparison{name: function + arguments, engine: "SELECT * FROM public." + function + arguments, ours: "SELECT * FROM tasker_sidecar_compat." + function + arguments}
	if args != "" {
		c.args = "SELECT unnest(" + args + ")"
	}
	return c
}

// analytics passes over averages with infinite times in them, which are an
// error before version 17 of Postgres, and infinite from then on.
func analytics(arguments string) comparison {
	c := same("get_analytics_metrics_v01", arguments, "")
	c.unless = "concat(avg_task_duration, avg_step_duration) ~ '[IN]'"
	return c
}

// slowest compares with the statement that says what the function was meant to
// answer. Where a time is infinite its duration is 0.
func slowest(function string) comparison {
	text, err := os.ReadFile("../testbed/testdata/" + function + ".sql")
	if err != nil {
		panic(err)
	}
	finite := strings.NewReplacer(
		"round(extract(epoch FROM latest.created_at - s.created_at), 3)",
		"CASE WHEN isfinite(latest.created_at) AND isfinite(s.created_at) THEN round(extract(epoch FROM latest.created_at - s.created_at), 3) ELSE 0 END",
		"round(extract(epoch FROM of_steps.completed_at - t.created_at), 3)",
		"CASE WHEN isfinite(of_steps.completed_at) AND isfinite(t.created_at) THEN round(extract(epoch FROM of_steps.completed_at - t.created_at), 3) ELSE 0 END",
	).Replace(string(text))
	return comparison{name: function, engine: finite, ours: "SELECT * FROM tasker_sidecar_compat." + function + "('2000-01-01', 50)"}
}

// statement asks both in one snapshot: the rows that ours gives, and how many
// rows only one of them gives.
func (c comparison) statement() string {
	unless := c.unless
	if unless == "" {
		unless = "false"
	}
	return fmt.Sprintf(`
		WITH engine AS MATERIALIZED (%s), ours AS MATERIALIZED (%s)
		SELECT (SELECT count(*) FROM ours),
			(SELECT json_agg(x)::text FROM (SELECT * FROM engine EXCEPT ALL SELECT * FROM ours) x),
			(SELECT json_agg(x)::text FROM (SELECT * FROM ours EXCEPT ALL SELECT * FROM engine) x)
		WHERE NOT EXISTS (SELECT FROM engine WHERE %s)`, c.engine, c.ours, unless)
}

func compareAll(t *testing.T, conn *pgx.Conn, total *outcome) {
	t.Helper()
	err := pgx.BeginTxFunc(t.Context(), conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		// The engine's schema alone: what the engine's functions call is the engine's.
		if _, err := tx.Exec(t.Context(), "SET LOCAL search_path TO public, pg_temp; SET LOCAL TimeZone TO 'UTC'; SET LOCAL jit TO off; SET LOCAL statement_timeout TO '2s'"); err != nil {
			return err
		}
		for _, c := range comparisons {
			args := []any{}
			if c.args != "" {
				rows, err := tx.Query(t.Context(), c.args)
				if err != nil {
					return err
				}
				if args, err = pgx.CollectRows(rows, pgx.RowTo[any]); err != nil {
					return err
				}
			} else {
				args = append(args, nil)
			}
			for _, arg := range args {
				if err := c.compare(t, tx, arg, total); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (c comparison) compare(t *testing.T, tx pgx.Tx, arg any, total *outcome) error {
	var args []any
	if c.args != "" {
		args = append(args, arg)
	}
	var rows int64
	var missing, surplus *string
	err := pgx.BeginFunc(t.Context(), tx, func(tx pgx.Tx) error {
		return tx.QueryRow(t.Context(), c.statement(), args...).Scan(&rows, &missing, &surplus)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		total.failing++
		return nil
	}
	if err != nil {
		// Then it is the engine's that fails: ours has to answer all the same.
		var failure *pgconn.PgError
		if !errors.As(err, &failure) {
			return err
		}
		sub, err := tx.Begin(t.Context())
		if err != nil {
			return err
		}
		_, err = sub.Exec(t.Context(), "SET LOCAL statement_timeout TO '30s'")
		if err == nil {
			_, err = sub.Exec(t.Context(), c.ours, args...)
		}
		if err := sub.Rollback(t.Context()); err != nil { // the timeout is as it was
			return err
		}
		if err != nil {
			t.Errorf("%s of %v: both fail, ours with %v, in one statement %v", c.name, arg, err, failure)
		}
		total.failing++
		return nil
	}
	// From PostgreSQL 17 on the engine's averages of times that are infinite are, too,
	// where they failed before; ours leave such times out.
	if missing != nil && strings.Contains(*missing, "Infinity") {
		total.failing++
		return nil
	}
	total.compared++
	total.rows += rows
	if missing != nil || surplus != nil {
		text := func(s *string) string {
			if s == nil {
				return "nothing"
			}
			return *s
		}
		t.Errorf("%s of %v:\n  only the engine's: %s\n  only ours: %s", c.name, arg, text(missing), text(surplus))
	}
	return nil
}
