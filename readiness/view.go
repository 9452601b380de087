package readiness

import (
	"unsafe"

	"github.com/tidwall/btree"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// View is the state of all tasks at one position of the log. It is immutable
// and safe for concurrent use; methods that depend on the clock take it as now.
type View struct {
	store
	rules      tasker.Rules
	lsn        tasker.LSN
	commitTime tasker.Timestamp
	lastSeen   tasker.Timestamp
	health     tasker.SystemHealthCounts
	marks      Marks
	commits    *commits // shared by all views of an index
	candidates int
	nameless   int
	edgeCount  int
	lastStep   uint32 // the highest number of a step
	other      int    // pages that the writer holds beside the view
	ready      *btree.BTreeG[readyKey]
}

// LSN is the position that the view reflects.
func (v *View) LSN() tasker.LSN { return v.lsn }

// CommitTime is when the last transaction in the view was committed, by the
// database's clock; of a view fresh from a load, when the snapshot was taken.
func (v *View) CommitTime() tasker.Timestamp { return v.commitTime }

// Rules are those that the answers follow.
func (v *View) Rules() tasker.Rules { return v.rules }

// Stats says how much a view holds, and what of it does not fit together.
type Stats struct {
	Tasks      int
	Steps      int
	Edges      int
	Candidates int // steps that only the clock can keep from running

	TasksWithoutRow        int // steps or transitions refer to them
	StepsWithoutRow        int // edges or transitions refer to them
	StepsWithoutName       int // their named step is missing: they have no readiness row
	StatesOutsideOfMachine int // distinct states, ever seen, that the engine does not know (skipped apart)

	Bytes int // estimate of the memory that the index takes
}

// Stats counts; it takes constant time.
func (v *View) Stats() Stats {
	h := &v.health
	return Stats{
		Tasks:                  int(h.TotalTasks),
		Steps:                  int(h.TotalSteps),
		Edges:                  v.edgeCount,
		Candidates:             v.candidates,
		TasksWithoutRow:        v.taskIDs.count - int(h.TotalTasks),
		StepsWithoutRow:        v.stepIDs.count - int(h.TotalSteps),
		StepsWithoutName:       v.nameless,
		StatesOutsideOfMachine: len(v.states) - int(stateSkipped) - 1,
		Bytes: v.steps.bytes() + v.tasks.bytes() + v.edges.bytes() +
			v.stepIDs.bytes() + v.taskIDs.bytes() +
			v.other*int(unsafe.Sizeof(idPage{})) +
			v.candidates*int(unsafe.Sizeof(readyKey{}))*3/2,
	}
}

// bytes is the memory of the pages and, nearly, of the nodes above them.
func (t *tree[P]) bytes() int {
	var page P
	const perNode = int(unsafe.Sizeof(node{}))
	return t.pages*int(unsafe.Sizeof(page)) + (t.pages/(fan-1)+1)*perNode
}
