package writer

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sql"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// kind is a short name within the package.
type kind = statemachine.Kind

// Statements that name no table.
var (
	sqlBegin    = text("begin")
	sqlLockKeys = text("lock_keys")
	sqlPosition = text("position")
)

// statements are those on the tables of a kind, each a file.
type statements struct {
	lockRows, findRows, readStates, readUndone, readEarlier, flip, insert, history string
	// columns are the updates of the entity's own row, by transition; transitions
	// that set the same have the same text, and others none.
	columns map[move]string
	// quick are the whole of a transition in one statement: after another one, and
	// the first of a history.
	quick, quickFirst map[move]string
}

// move is where a transition goes.
type move struct{ from, to string }

func moveOf(t *statemachine.Transition) move { return move{statemachine.Current(t.From), t.To} }

// render makes the statements for the schema of the engine's tables.
func render(schema string) map[kind]*statements {
	all := map[kind]*statements{}
	for _, k := range statemachine.Kinds() {
		entities, transitions, undone := tasker.Tasks, tasker.TaskTransitions, "read_steps"
		if k == statemachine.Step {
			entities, transitions, undone = tasker.WorkflowSteps, tasker.WorkflowStepTransitions, "read_parents"
		}
		names := strings.NewReplacer("@engine@", pgx.Identifier{schema}.Sanitize(), "@entities@", entities.String(),
			"@transitions@", transitions.String(), "@key@", entities.Info().Key)
		on := func(name string) string { return names.Replace(text(name)) }
		s := &statements{
			lockRows: on("lock_rows"), findRows: on("find_rows"), readStates: on("read_states"), readUndone: on(undone),
			readEarlier: on("read_earlier"), flip: on("flip"), insert: on("insert"), history: on("history"),
			columns: map[move]string{}, quick: map[move]string{}, quickFirst: map[move]string{},
		}
		for _, t := range statemachine.Of(k).Transitions() {
			m, guard, changed := moveOf(&t), "", ""
			if file := guards[t.Guard]; file != "" {
				guard = "\n        " + on(file)
			}
			if sets := assignments(t.Columns); sets != "" {
				s.columns[m] = strings.ReplaceAll(on("update_columns"), "@columns@", sets)
				changed = strings.ReplaceAll(on("quick_changed"), "@columns@", sets)
			}
			whole := func(flip string) string {
				return strings.NewReplacer("@flip@", strings.ReplaceAll(on(flip), "@guard@", guard), "@changed@", changed).Replace(on("quick"))
			}
			s.quick[m] = whole("quick_flip")
			if m.from == tasker.Pending {
				s.quickFirst[m] = whole("quick_first")
			}
		}
		all[k] = s
	}
	return all
}

// guards are the conditions that hold when a guard does, each a file.
var guards = map[statemachine.Guard]string{statemachine.ParentsDone: "guard_parents", statemachine.StepsDone: "guard_steps"}

// assignments are the columns of a transition as SQL; empty for none.
func assignments(columns []statemachine.Column) string {
	sets := make([]string, len(columns))
	for i, c := range columns {
		sets[i] = c.Name + " = " + fmt.Sprintf(values[c.Effect], c.Name)
	}
	return strings.Join(sets, ", ")
}

// values are the effects as SQL: e is the row, u what came with the transition
// and the clock, and the argument the column's name. A wait that is counted from
// nothing is over.
var values = map[statemachine.Effect]string{
	statemachine.Unset:         "false%.0s",
	statemachine.Set:           "true%.0s",
	statemachine.Clock:         "u.at%.0s",
	statemachine.CountUp:       "least(coalesce(e.%s, 0)::bigint + 1, 2147483647)::integer",
	statemachine.Given:         "coalesce(u.%[1]s, e.%[1]s)",
	statemachine.Failure:       "coalesce(u.%[1]s, e.%[1]s)",
	statemachine.ClearOnceOver: "CASE WHEN e.last_attempted_at + make_interval(secs => e.%[1]s) > u.at THEN e.%[1]s END",
}

// text is that of a file; one that is missing shows when the program starts.
func text(name string) string {
	content, err := fs.ReadFile(sql.Writer, "writer/"+name+".sql")
	if err != nil {
		panic("writer: " + err.Error())
	}
	return strings.TrimSpace(string(content))
}
