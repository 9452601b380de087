package schema_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// whyRow is a row of why(), in comparable words.
type whyRow struct {
	Depth                       int
	Step                        int64
	State, Reason, Since, Until string
	Detail                      string
	Root, OnCycle               bool
}

const whySQL = `
SELECT depth, workflow_step_id, coalesce(current_state, ''), coalesce(reason, ''), coalesce(since::text, ''), coalesce(until::text, ''),
    coalesce(detail, ''), root_cause, on_cycle
FROM tasker_sidecar.why($1)`

func why(t *testing.T, conn *pgx.Conn, step int64) []whyRow {
	t.Helper()
	rows, err := conn.Query(t.Context(), whySQL, step)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[whyRow])
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		all[i].Detail = timeless(all[i].Reason, all[i].Detail)
	}
	return all
}

// timeless cuts the time off the words, which either side prints in its own way.
func timeless(reason, detail string) string {
	if strings.HasSuffix(reason, "_backoff") {
		detail, _, _ = strings.Cut(detail, " until ")
	}
	return detail
}

func text(at tasker.Timestamp) string {
	if at == tasker.NoTime {
		return ""
	}
	return at.Time().Format("2006-01-02 15:04:05.999999")
}

// expected says in the words of why() what the index says of a step.
func expected(r tasker.StepReasons) []whyRow {
	var rows []whyRow
	add := func(base whyRow, reasons []tasker.Reason, nothing string) {
		for _, reason := range reasons {
			row := base
			row.Reason, row.Since, row.Until = string(reason.Code), text(reason.Since), text(reason.Until)
			row.Detail = timeless(row.Reason, reason.Detail)
			rows = append(rows, row)
		}
		if len(reasons) == 0 {
			base.Detail = nothing
			rows = append(rows, base)
		}
	}
	own := whyRow{Step: r.WorkflowStepID, State: r.CurrentState, Root: len(r.Blockers) == 0}
	for _, b := range r.Blockers {
		if b.WorkflowStepID == r.WorkflowStepID { // it is among its own
			own.OnCycle, own.Root = b.OnCycle, b.RootCause
		}
	}
	add(own, r.Reasons, "nothing keeps it from running")
	for _, b := range r.Blockers {
		if b.WorkflowStepID == r.WorkflowStepID {
			continue
		}
		base := whyRow{Depth: int(b.Depth), Step: b.WorkflowStepID, State: b.CurrentState, Root: b.RootCause, OnCycle: b.OnCycle}
		reasons := b.Reasons
		nothing := "nothing keeps it from running"
		if b.CurrentState == "in_progress" {
			nothing = "it is in progress"
		}
		// why() tells of each that waits itself, too.
		if len(b.BlockedBy) > 0 && b.CurrentState != "in_progress" {
			reasons = append([]tasker.Reason{{Code: tasker.ReasonDependenciesNotSatisfied, Since: tasker.NoTime, Until: tasker.NoTime}}, reasons...)
		}
		add(base, reasons, nothing)
	}
	return rows
}

// why() and blocked_steps say what the index says, of every step.
func TestGoldenReasons(t *testing.T) {
	for _, rules := range []tasker.Rules{tasker.RulesV01, tasker.RulesV02} {
		t.Run(rules.String(), func(t *testing.T) {
			conn := engineWithRows(t, rules)
			// A cycle of three with a chain behind it, and a step that waits for itself.
			exec(t, conn, `
				UPDATE tasker_workflow_steps SET last_attempted_at = now() AT TIME ZONE 'UTC', backoff_request_seconds = 3600 WHERE workflow_step_id % 7 = 0;
				CREATE TEMP TABLE few AS SELECT row_number() OVER (ORDER BY workflow_step_id) AS n, workflow_step_id AS id FROM tasker_workflow_steps;
				DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_id IN (SELECT id FROM few WHERE n <= 5);
				INSERT INTO tasker_workflow_step_edges (from_step_id, to_step_id, name, created_at, updated_at)
				SELECT f.id, t.id, 'test', now(), now()
				FROM (VALUES (1, 2), (2, 3), (3, 1), (3, 4), (4, 5), (9, 9)) e (f, t) JOIN few f ON f.n = e.f JOIN few t ON t.n = e.t`)
			install(t, conn, schema.Options{})
			fill(t, conn, rules)

			f := followtest.StartWith(t, followtest.Options(t, conn.Config().ConnString()))
			f.Reach(t, conn)
			view := f.View()
			now := tasker.TimestampOf(time.Now())
			steps := values[int64](t, conn, "SELECT workflow_step_id FROM tasker_workflow_steps ORDER BY 1")
			codes, cycles, deepest, blocked := map[string]int{}, 0, 0, 0
			for _, id := range steps {
				r, ok := view.Reasons(id, now, 1000)
				if !ok {
					t.Fatalf("the index knows no step %d", id)
				}
				want, got := expected(r), why(t, conn, id)
				for i := range got {
					codes[got[i].Reason]++
					deepest = max(deepest, got[i].Depth)
					if got[i].OnCycle {
						cycles++
					}
					if got[i].Depth == 0 && got[i].Reason != "" && got[i].State != "complete" && got[i].State != "resolved_manually" {
						blocked++
					}
					// The index leaves these to its list of what each waits for.
					if got[i].Depth > 0 && got[i].Reason == string(tasker.ReasonDependenciesNotSatisfied) {
						got[i].Since, got[i].Detail = "", ""
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("step %d: index (-), why (+):\n%s", id, diff)
				}
			}
			t.Logf("%v, %d on cycles, deepest %d", codes, cycles, deepest)
			if cycles == 0 || deepest < 3 || len(codes) < 8 {
				t.Error("the data have too little in them")
			}
			if rows := value[int](t, conn, "SELECT count(*) FROM tasker_sidecar.blocked_steps"); rows != blocked || blocked == 0 {
				t.Errorf("blocked_steps has %d rows, why says %d", rows, blocked)
			}
		})
	}
}

// steps writes rows of steps that wait for each other, all pending.
func steps(t *testing.T, conn *pgx.Conn, parents map[int64][]int64) {
	t.Helper()
	for id, of := range parents {
		_, err := conn.Exec(t.Context(), `
			INSERT INTO tasker_sidecar.step_rows (workflow_step_id, task_id, named_step_id, name, current_state, dependencies_satisfied,
				total_parents, completed_parents, attempts, retry_limit, retryable, in_process, processed)
			VALUES ($1, 1, 1, 'step', 'pending', $2 = 0, $2, 0, 0, 3, true, false, false)`, id, len(of))
		if err != nil {
			t.Fatal(err)
		}
		_, err = conn.Exec(t.Context(), `
			INSERT INTO tasker_sidecar.dag_rows (workflow_step_id, task_id, named_step_id, parent_step_ids, child_step_ids, parent_count, child_count, is_root_step, is_leaf_step)
			VALUES ($1, 1, 1, to_jsonb($2::bigint[]), '[]', 0, 0, false, false)`, id, append([]int64{}, of...))
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhyGivesTheChain(t *testing.T) {
	conn := engine(t)
	install(t, conn, schema.Options{})
	steps(t, conn, map[int64][]int64{1: nil, 2: {1}, 3: {2}, 4: {1, 3}, 5: {4, 99}, 6: {6}, 7: {6}})
	for id, want := range map[int64][]string{
		1: {"{1}"},
		4: {"{4}", "{4,1}", "{4,3}", "{4,3,2}"},
		5: {"{5}", "{5,4}", "{5,99}", "{5,4,1}", "{5,4,3}", "{5,4,3,2}"}, // of 99 there is no row
		6: {"{6}"},
		7: {"{7}", "{7,6}"},
	} {
		if diff := cmp.Diff(want, values[string](t, conn, "SELECT chain::text FROM tasker_sidecar.why($1)", id)); diff != "" {
			t.Errorf("step %d: %s", id, diff)
		}
	}
	if got := why(t, conn, 5); !strings.Contains(got[2].Detail, "no row tells of it") || !got[2].Root {
		t.Errorf("of a step without a row: %+v", got[2])
	}
	if got := why(t, conn, 12345); len(got) != 1 || got[0].Reason != "" || !strings.Contains(got[0].Detail, "no such step") {
		t.Errorf("of no step: %+v", got)
	}
	if n := value[int](t, conn, "SELECT count(*) FROM tasker_sidecar.why(NULL)"); n != 0 {
		t.Errorf("of NULL: %d rows", n)
	}
	hostile(t, conn)
	if got := values[string](t, conn, "SELECT chain::text FROM tasker_sidecar.why(4)"); len(got) != 4 {
		t.Errorf("under a hostile search_path: %q", got)
	}
}

// A chain of diamonds has two to the power of its length as many paths, and
// a task may be larger than anybody wants to read: it takes milliseconds, and
// ends.
func TestWhyIsBounded(t *testing.T) {
	conn := engine(t)
	install(t, conn, schema.Options{})
	parents := map[int64][]int64{0: nil}
	for i := range int64(250) {
		join := i * 3
		parents[join+1], parents[join+2], parents[join+3] = []int64{join}, []int64{join}, []int64{join + 1, join + 2}
	}
	steps(t, conn, parents)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var rows, deepest int
	var more bool
	err := conn.QueryRow(ctx, "SELECT count(*), max(depth), bool_or(workflow_step_id IS NULL AND detail LIKE 'and more%') FROM tasker_sidecar.why(750)").Scan(&rows, &deepest, &more)
	if err != nil {
		t.Fatal(err)
	}
	if rows != 502 || !more || deepest < 300 {
		t.Errorf("%d rows, %d deep, more: %v", rows, deepest, more)
	}
	// And one that waits for a cycle as long as that.
	exec(t, conn, `UPDATE tasker_sidecar.dag_rows SET parent_step_ids = '[300]' WHERE workflow_step_id = 0;
		UPDATE tasker_sidecar.step_rows SET total_parents = 1, dependencies_satisfied = false WHERE workflow_step_id = 0`)
	onCycle := values[int64](t, conn, "SELECT workflow_step_id FROM tasker_sidecar.why(301) WHERE on_cycle ORDER BY 1")
	if len(onCycle) != 301 || !slices.Contains(onCycle, 300) || slices.Contains(onCycle, 301) {
		t.Errorf("%d steps on the cycle", len(onCycle))
	}
	if testing.Verbose() {
		t.Log(fmt.Sprint(values[string](t, conn, "EXPLAIN ANALYZE SELECT * FROM tasker_sidecar.why(301)")))
	}
}
