package tasker

// Op is what a change does to a table.
type Op uint8

// The operations that a log carries.
const (
	Insert Op = iota + 1
	Update
	Delete
	Truncate
)

// String gives the SQL keyword in lower case.
func (o Op) String() string {
	switch o {
	case Insert:
		return "insert"
	case Update:
		return "update"
	case Delete:
		return "delete"
	case Truncate:
		return "truncate"
	}
	return "unknown"
}

// Change is one row's change, or the truncation of one table, as the log
// carries it. Only the row that belongs to Table is meaningful, and of it only
// the followed columns. A Change is large and meant to be reused by who
// produces it: a consumer copies what it keeps (strings may be kept).
type Change struct {
	Table Table
	Op    Op

	// Key is the row's primary key after the change; of a delete, the key of
	// the row that is gone. It has no meaning for a truncate.
	Key int64
	// OldKey is the primary key before the change. It differs from Key only
	// where an update changed the key itself.
	OldKey int64
	// Unchanged has bit i set when the log left out the value of the table's
	// followed column i ([TableInfo.Followed]), because an update did not
	// touch it and it is stored out of line (TOAST). The field is zero then
	// and the value known before is still right.
	Unchanged uint32

	TaskNamespace          TaskNamespace
	NamedTask              NamedTask
	NamedStep              NamedStep
	Task                   Task
	WorkflowStep           WorkflowStep
	WorkflowStepEdge       WorkflowStepEdge
	TaskTransition         Transition
	WorkflowStepTransition Transition
}

// Rows is a batch of rows of one followed table, as a snapshot delivers them:
// the slice that belongs to Table holds them, the others are empty. Like a
// [Change] it is reused by who produces it.
type Rows struct {
	Table Table

	TaskNamespaces          []TaskNamespace
	NamedTasks              []NamedTask
	NamedSteps              []NamedStep
	Tasks                   []Task
	WorkflowSteps           []WorkflowStep
	WorkflowStepEdges       []WorkflowStepEdge
	TaskTransitions         []Transition
	WorkflowStepTransitions []Transition
}

// Len is the number of rows of the table that the batch is of.
func (r *Rows) Len() int {
	switch r.Table {
	case TaskNamespaces:
		return len(r.TaskNamespaces)
	case NamedTasks:
		return len(r.NamedTasks)
	case NamedSteps:
		return len(r.NamedSteps)
	case Tasks:
		return len(r.Tasks)
	case WorkflowSteps:
		return len(r.WorkflowSteps)
	case WorkflowStepEdges:
		return len(r.WorkflowStepEdges)
	case TaskTransitions:
		return len(r.TaskTransitions)
	case WorkflowStepTransitions:
		return len(r.WorkflowStepTransitions)
	}
	return 0
}
