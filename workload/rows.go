package workload

import (
	"strconv"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Names gives the ids of the named rows that tasks and steps refer to.
type Names interface {
	NamedTaskID(w *Workflow) int32
	NamedStepID(s *Step) int32
}

// IDs gives the primary keys of new rows.
type IDs struct {
	Tasks, WorkflowSteps, WorkflowStepEdges, TaskTransitions, WorkflowStepTransitions Numbers
}

// Rows are the rows of some tasks, as the engine leaves them.
type Rows struct {
	Tasks                   []tasker.Task
	WorkflowSteps           []tasker.WorkflowStep
	WorkflowStepEdges       []tasker.WorkflowStepEdge
	TaskTransitions         []tasker.Transition
	WorkflowStepTransitions []tasker.Transition
}

// Reset empties the rows and keeps their memory.
func (r *Rows) Reset() {
	r.Tasks, r.WorkflowSteps, r.WorkflowStepEdges = r.Tasks[:0], r.WorkflowSteps[:0], r.WorkflowStepEdges[:0]
	r.TaskTransitions, r.WorkflowStepTransitions = r.TaskTransitions[:0], r.WorkflowStepTransitions[:0]
}

// Count is the number of rows that a batch has in each table.
type Count struct {
	Tasks, WorkflowSteps, WorkflowStepEdges, TaskTransitions, WorkflowStepTransitions int
}

// Count counts the rows that [Rows.Add] makes of the batch.
func (b *Batch) Count() Count {
	c := Count{Tasks: len(b.Tasks), WorkflowStepEdges: len(b.Links)}
	for _, t := range b.Tasks {
		c.WorkflowSteps += len(t.Steps)
		c.WorkflowStepEdges += t.Workflow.Edges()
		c.TaskTransitions += len(t.Moves)
		for s := range t.Steps {
			c.WorkflowStepTransitions += len(t.Steps[s].Moves)
		}
	}
	return c
}

// Add makes the rows of a batch.
func (r *Rows) Add(b *Batch, ids *IDs, names Names) {
	steps := make([][]int64, len(b.Tasks))
	links := b.Links
	for i, t := range b.Tasks {
		steps[i] = r.addTask(t, ids, names)
		for len(links) > 0 && max(links[0].From.Task, links[0].To.Task) <= i {
			l := links[0]
			links = links[1:]
			r.addEdge(ids, steps[l.From.Task][l.From.Step], steps[l.To.Task][l.To.Step], b.Tasks[l.To.Task].CreatedAt)
		}
	}
}

// addTask gives the ids of the task's steps.
func (r *Rows) addTask(t *Instance, ids *IDs, names Names) []int64 {
	id := ids.Tasks.Next()
	context := strconv.AppendInt([]byte(`{"request": `), id, 10)
	context = append(context, '}')
	task := tasker.Task{
		TaskID: id, NamedTaskID: names.NamedTaskID(t.Workflow),
		RequestedAt: t.CreatedAt, Initiator: tasker.Some("workload"), SourceSystem: tasker.Some("workload"),
		Reason: tasker.Some("unknown"), BypassSteps: []byte(emptyArray), Tags: []byte(emptyArray), Context: context,
		// unique beside any other writer's: the engine's own are UUIDs
		IdentityHash: "workload-" + strconv.FormatInt(id, 10),
		CreatedAt:    t.CreatedAt, UpdatedAt: t.CreatedAt,
	}
	for _, m := range t.Moves {
		m.ApplyToTask(&task)
	}
	r.Tasks = append(r.Tasks, task)
	r.TaskTransitions = appendTransitions(r.TaskTransitions, t.Moves, id, &ids.TaskTransitions)

	steps := make([]int64, len(t.Steps))
	for s := range t.Steps {
		steps[s] = ids.WorkflowSteps.Next()
		run, of := &t.Steps[s], &t.Workflow.Steps[s]
		row := tasker.WorkflowStep{
			WorkflowStepID: steps[s], TaskID: id, NamedStepID: names.NamedStepID(of),
			Retryable: run.Retryable, RetryLimit: run.RetryLimit, Skippable: of.Skippable,
			Attempts: tasker.Some[int32](0), ProcessedAt: tasker.NoTime, LastAttemptedAt: tasker.NoTime,
			Inputs: context, Results: []byte(emptyObject), CreatedAt: t.CreatedAt, UpdatedAt: t.CreatedAt,
		}
		for _, m := range run.Moves {
			m.ApplyToStep(&row)
		}
		r.WorkflowSteps = append(r.WorkflowSteps, row)
		r.WorkflowStepTransitions = appendTransitions(r.WorkflowStepTransitions, run.Moves, steps[s], &ids.WorkflowStepTransitions)
		for _, p := range of.Parents {
			r.addEdge(ids, steps[p], steps[s], t.CreatedAt)
		}
	}
	return steps
}

func (r *Rows) addEdge(ids *IDs, from, to int64, at tasker.Timestamp) {
	r.WorkflowStepEdges = append(r.WorkflowStepEdges, tasker.WorkflowStepEdge{
		ID: ids.WorkflowStepEdges.Next(), FromStepID: from, ToStepID: to, Name: EdgeName, CreatedAt: at, UpdatedAt: at,
	})
}

// appendTransitions writes a history as the engine does: sort keys in steps of
// ten, the last row most recent, no from_state, and the flip of a row dated by
// the transition that followed it.
func appendTransitions(rows []tasker.Transition, moves []Move, parent int64, ids *Numbers) []tasker.Transition {
	for i, m := range moves {
		t := tasker.Transition{
			ID: ids.Next(), ToState: m.To, Metadata: []byte(emptyObject), SortKey: int32(i+1) * 10,
			MostRecent: i == len(moves)-1, ParentID: parent, CreatedAt: m.At, UpdatedAt: m.At,
		}
		if !t.MostRecent {
			t.UpdatedAt = moves[i+1].At
		}
		rows = append(rows, t)
	}
	return rows
}

// Numbers hands out ids from ranges, in order. The zero value has none.
type Numbers struct {
	ranges []Range
}

// Range is the ids from First to Last, both included.
type Range struct{ First, Last int64 }

// From hands out every id from first on.
func From(first int64) Numbers { return Numbers{[]Range{{first, 1<<63 - 1}}} }

// Within hands out the ids of the ranges.
func Within(ranges ...Range) Numbers { return Numbers{ranges} }

// Next is the next id. It panics when there is none left, which is a mistake
// in the program: who reserves counts first.
func (n *Numbers) Next() int64 {
	if len(n.ranges) == 0 {
		panic("workload: more rows than ids reserved")
	}
	r := &n.ranges[0]
	id := r.First
	if r.First == r.Last {
		n.ranges = n.ranges[1:]
	} else {
		r.First++
	}
	return id
}
