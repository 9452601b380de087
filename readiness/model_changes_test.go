package readiness_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// base is when the random rows' times begin.
const base = tasker.Timestamp(1_700_000_000_000_000)

// Few ids, so that operations meet; a few of them odd.
var (
	smallIDs = []int64{1, 2, 3, 4}
	taskIDs  = []int64{1, 2, 3, 4, 64, 1 << 40, -5}
	oftenOne = append([]int64{1, 1, 1, 1, 1, 1, 1, 1, 1}, taskIDs...)
	stepIDs  = []int64{1, 2, 3, 4, 5, 6, 7, 8, 63, 64, 4096, 1 << 50, 0, -1}
	edgeIDs  = []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 100, -2}
	rowIDs   = []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 1 << 33, 0}
	states   = []string{
		tasker.Pending, tasker.InProgress, tasker.Complete, tasker.Complete, tasker.Error, tasker.Error,
		tasker.Cancelled, tasker.ResolvedManually, "skipped", "of_no_machine",
	}
	names = []string{"a", "b", "c"}
)

// maker draws random changes that a database could make. It knows the rows, so
// as to keep the one rule that the engine's indexes enforce: at most one most
// recent transition for each step and each task.
type maker struct {
	t     *rapid.T
	m     *model // the rows with all changes so far
	apply func(c *tasker.Change)
}

func pick[V any](t *rapid.T, list []V, what string) V { return rapid.SampledFrom(list).Draw(t, what) }

func (k *maker) chance(oneIn int) bool { return rapid.IntRange(1, oneIn).Draw(k.t, "chance") == 1 }

func (k *maker) instant() tasker.Timestamp {
	return base.Add(time.Duration(rapid.IntRange(0, 60_000).Draw(k.t, "instant")) * time.Millisecond)
}

func (k *maker) maybeInstant() tasker.Timestamp {
	switch {
	case k.chance(3):
		return tasker.NoTime
	case k.chance(30):
		return tasker.Infinity
	case k.chance(30):
		return tasker.NegativeInfinity
	}
	return k.instant()
}

func (k *maker) maybeInt(from, to int) tasker.Null[int32] {
	if k.chance(4) {
		return tasker.Null[int32]{}
	}
	return tasker.Some(int32(rapid.IntRange(from, to).Draw(k.t, "number")))
}

func (k *maker) maybeText() tasker.Null[string] {
	if k.chance(3) {
		return tasker.Null[string]{}
	}
	return tasker.Some(pick(k.t, names, "text"))
}

// change makes one operation, which can take a second one to be possible.
func (k *maker) change() {
	c := tasker.Change{Table: pick(k.t, []tasker.Table{
		tasker.WorkflowStepTransitions, tasker.WorkflowStepTransitions, tasker.WorkflowStepTransitions,
		tasker.WorkflowStepTransitions, tasker.WorkflowSteps, tasker.WorkflowSteps, tasker.WorkflowSteps,
		tasker.WorkflowStepEdges, tasker.WorkflowStepEdges, tasker.WorkflowStepEdges,
		tasker.Tasks, tasker.TaskTransitions, tasker.NamedSteps, tasker.NamedTasks, tasker.TaskNamespaces,
	}, "table")}
	if k.chance(80) {
		c.Op = tasker.Truncate
		k.apply(&c)
		return
	}
	keys := map[tasker.Table][]int64{
		tasker.TaskNamespaces: smallIDs, tasker.NamedTasks: smallIDs, tasker.NamedSteps: smallIDs, tasker.Tasks: taskIDs,
		tasker.WorkflowSteps: stepIDs, tasker.WorkflowStepEdges: edgeIDs,
		tasker.TaskTransitions: rowIDs, tasker.WorkflowStepTransitions: rowIDs,
	}[c.Table]
	c.Key = pick(k.t, keys, "key")
	c.OldKey = c.Key
	c.Op = pick(k.t, []tasker.Op{tasker.Insert, tasker.Insert, tasker.Update, tasker.Update, tasker.Delete}, "op")
	if c.Op == tasker.Delete {
		k.apply(&c)
		return
	}
	if c.Op == tasker.Update && k.chance(6) {
		c.OldKey = pick(k.t, keys, "old key")
	}
	k.fill(&c)
	k.apply(&c)
}

func (k *maker) fill(c *tasker.Change) {
	switch c.Table {
	case tasker.TaskNamespaces:
		_, known := k.m.namespaces[c.OldKey]
		c.TaskNamespace = tasker.TaskNamespace{TaskNamespaceID: int32(c.Key), Name: k.text(c, known, 1)}
	case tasker.NamedTasks:
		_, known := k.m.namedTasks[c.OldKey]
		c.NamedTask = tasker.NamedTask{
			NamedTaskID: int32(c.Key), TaskNamespaceID: pick(k.t, smallIDs, "namespace"),
			Name: k.text(c, known, 1), Version: k.text(c, known, 3),
		}
	case tasker.NamedSteps:
		_, known := k.m.namedSteps[c.OldKey]
		c.NamedStep = tasker.NamedStep{NamedStepID: int32(c.Key), Name: k.text(c, known, 1)}
	case tasker.Tasks:
		c.Task = tasker.Task{
			TaskID: c.Key, NamedTaskID: int32(pick(k.t, smallIDs, "named task")), Complete: k.chance(2),
			Initiator: k.maybeText(), SourceSystem: k.maybeText(), CreatedAt: k.instant(),
		}
		if _, known := k.m.tasks[c.OldKey]; known && c.Op == tasker.Update {
			if k.chance(4) {
				c.Unchanged |= 1 << 3
				c.Task.Initiator = tasker.Null[string]{}
			}
			if k.chance(4) {
				c.Unchanged |= 1 << 4
				c.Task.SourceSystem = tasker.Null[string]{}
			}
		}
	case tasker.WorkflowSteps:
		c.WorkflowStep = tasker.WorkflowStep{
			WorkflowStepID: c.Key, TaskID: pick(k.t, oftenOne, "task"), NamedStepID: int32(pick(k.t, smallIDs, "named step")),
			Retryable: !k.chance(5), RetryLimit: k.maybeInt(0, 4), InProcess: k.chance(8), Processed: k.chance(4),
			ProcessedAt: k.maybeInstant(), Attempts: k.maybeInt(-9, 6), LastAttemptedAt: k.maybeInstant(),
			BackoffRequestSeconds: k.maybeInt(-3, 50), CreatedAt: k.instant(),
		}
		if k.chance(20) {
			c.WorkflowStep.Attempts = tasker.Some(int32(60))
			c.WorkflowStep.RetryLimit = tasker.Some(int32(99))
		}
	case tasker.WorkflowStepEdges:
		c.WorkflowStepEdge = tasker.WorkflowStepEdge{
			ID: c.Key, FromStepID: pick(k.t, stepIDs, "from"), ToStepID: pick(k.t, stepIDs, "to"),
		}
	case tasker.TaskTransitions:
		k.transition(c, &c.TaskTransition, k.m.taskTransitions, taskIDs)
	case tasker.WorkflowStepTransitions:
		k.transition(c, &c.WorkflowStepTransition, k.m.stepTransitions, stepIDs)
	}
}

// text draws a value for a column that the log may leave out.
func (k *maker) text(c *tasker.Change, known bool, column int) string {
	if known && c.Op == tasker.Update && k.chance(4) {
		c.Unchanged |= 1 << column
		return ""
	}
	return pick(k.t, names, "name")
}

func (k *maker) transition(c *tasker.Change, row *tasker.Transition, rows map[int64]tasker.Transition, parents []int64) {
	*row = tasker.Transition{
		ID: c.Key, ParentID: pick(k.t, parents, "parent"), MostRecent: !k.chance(4),
		ToState: pick(k.t, states, "state"), CreatedAt: k.instant(),
	}
	if row.MostRecent {
		other, ok := recent(rows, row.ParentID)
		if ok && other.ID != c.Key && (c.Op != tasker.Update || other.ID != c.OldKey) {
			flip := tasker.Change{Table: c.Table, Op: tasker.Update, Key: other.ID, OldKey: other.ID, Unchanged: 1 << 1}
			other.MostRecent, other.ToState = false, ""
			flip.TaskTransition, flip.WorkflowStepTransition = other, other
			k.apply(&flip)
		}
	}
	was, known := rows[c.OldKey]
	if known && c.Op == tasker.Update && k.chance(3) && (was.MostRecent || !row.MostRecent) {
		c.Unchanged, row.ToState = 1<<1, ""
	}
}

// sortedIDs are ids as the index lists them.
func sortedIDs[R any](rows map[int64]R) (list []int64) {
	for id := range rows {
		list = append(list, id)
	}
	slices.Sort(list)
	return list
}
