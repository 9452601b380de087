package projection

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// taskRows are the rows of one task; none of any kind when it is not covered.
type taskRows struct {
	id         int64
	task       *readiness.TaskFacts
	steps      []readiness.StepFacts // by id
	dag        []dagRow              // by id
	candidates []candidateRow        // by id
}

// dagRow is a row of dag_rows.
type dagRow struct {
	tasker.StepDAGRelationship
	level tasker.Null[int32]
}

func (r *dagRow) equal(o *dagRow) bool {
	return r.TaskID == o.TaskID && r.NamedStepID == o.NamedStepID && r.MinDepthFromRoot == o.MinDepthFromRoot && r.level == o.level &&
		slices.Equal(r.ParentStepIDs, o.ParentStepIDs) && slices.Equal(r.ChildStepIDs, o.ChildStepIDs)
}

// candidateRow is a row of candidate_rows.
type candidateRow struct {
	step, task                   int64
	since                        tasker.Timestamp
	attempts                     int32
	state, name                  string
	taskName, version, namespace tasker.Null[string]
}

// rowsOf gives the rows that a task should have, without those of the graph
// unless they are asked for.
func rowsOf(v *readiness.View, id int64, cutoff tasker.Timestamp, graph bool) taskRows {
	rows := taskRows{id: id}
	facts, ok := v.TaskFacts(id)
	if !ok || !covered(&facts, cutoff) {
		return rows
	}
	rows.task = &facts
	rows.steps = v.AppendStepFacts(nil, id)
	for i := range rows.steps {
		if s := &rows.steps[i]; s.ReadySince != tasker.NoTime {
			rows.candidates = append(rows.candidates, candidateRow{
				s.WorkflowStepID, id, s.ReadySince, s.Attempts.Or(0), s.CurrentState, s.Name.V, facts.Name, facts.Version, facts.Namespace,
			})
		}
	}
	if graph {
		rows.dag = graphOf(v, id)
	}
	return rows
}

func graphOf(v *readiness.View, id int64) []dagRow {
	places := v.StepDAGRelationships([]int64{id})
	rows := make([]dagRow, len(places))
	for i := range places {
		rows[i].StepDAGRelationship = places[i]
	}
	for _, l := range v.DependencyLevels(id) {
		at, _ := slices.BinarySearchFunc(rows, l.WorkflowStepID, func(r dagRow, id int64) int { return cmp.Compare(r.WorkflowStepID, id) })
		rows[at].level = tasker.Some(l.DependencyLevel)
	}
	return rows
}

// ids is a list of ids as JSON.
func ids(list []int64) string {
	text, _ := json.Marshal(list) // numbers
	return string(text)
}
