package tasker

// Table is one of the engine's 13 tables. The zero value is none of them.
type Table uint8

// The tables that are followed come first; their numbers are dense, so that
// arrays of [FollowedTables]+1 elements can be indexed by them.
const (
	NoTable Table = iota
	TaskNamespaces
	NamedTasks
	NamedSteps
	Tasks
	WorkflowSteps
	WorkflowStepEdges
	TaskTransitions
	WorkflowStepTransitions
	DependentSystems
	DependentSystemObjectMaps
	AnnotationTypes
	NamedTasksNamedSteps
	TaskAnnotations

	// FollowedTables is how many tables are followed: TaskNamespaces to
	// WorkflowStepTransitions.
	FollowedTables = int(WorkflowStepTransitions)
)

// Column is a column of a table that the sidecar follows.
type Column struct {
	Name string
	Type string // as format_type prints it, without length
	Why  string // what needs it
}

// TableInfo says what the sidecar knows of a table.
type TableInfo struct {
	Table Table
	Name  string // as in the database
	Key   string // the primary key's column
	// Followed are the columns that are read, the primary key first; empty
	// for a table that is not followed.
	Followed []Column
	Why      string // why it is followed, or why not
}

// String gives the table's name in the database.
func (t Table) String() string {
	if t == NoTable || int(t) > len(Schema) {
		return "no table"
	}
	return Schema[t-1].Name
}

// Info is the table's entry in [Schema].
func (t Table) Info() *TableInfo { return &Schema[t-1] }

// TableByName finds a table by its name in the database.
func TableByName(name string) (Table, bool) {
	for i := range Schema {
		if Schema[i].Name == name {
			return Schema[i].Table, true
		}
	}
	return NoTable, false
}

// Schema describes all 13 tables, in the order of their numbers. It is not to
// be changed.
var Schema = []TableInfo{
	{TaskNamespaces, "tasker_task_namespaces", "task_namespace_id", []Column{
		{"task_namespace_id", "integer", "primary key"},
		{"name", "character varying", "names in answers, filters, analytics"},
	}, "names of namespaces"},
	{NamedTasks, "tasker_named_tasks", "named_task_id", []Column{
		{"named_task_id", "integer", "primary key"},
		{"name", "character varying", "names in answers, filters, analytics"},
		{"task_namespace_id", "bigint", "finds the namespace"},
		{"version", "character varying", "answers and filters"},
	}, "names and versions of tasks"},
	{NamedSteps, "tasker_named_steps", "named_step_id", []Column{
		{"named_step_id", "integer", "primary key"},
		{"name", "character varying", "a step's name; a step without it has no readiness row"},
	}, "names of steps"},
	{Tasks, "tasker_tasks", "task_id", []Column{
		{"task_id", "bigint", "primary key"},
		{"named_task_id", "integer", "finds the named task"},
		{"complete", "boolean", "finished tasks are told from those at work"},
		{"initiator", "character varying", "slowest tasks"},
		{"source_system", "character varying", "slowest tasks"},
		{"created_at", "timestamp without time zone", "analytics and slowest tasks"},
	}, "the tasks"},
	{WorkflowSteps, "tasker_workflow_steps", "workflow_step_id", []Column{
		{"workflow_step_id", "bigint", "primary key"},
		{"task_id", "bigint", "finds the task"},
		{"named_step_id", "integer", "finds the name"},
		{"retryable", "boolean", "readiness"},
		{"retry_limit", "integer", "readiness"},
		{"in_process", "boolean", "readiness"},
		{"processed", "boolean", "readiness"},
		{"processed_at", "timestamp without time zone", "since when a step counts as processed"},
		{"attempts", "integer", "readiness"},
		{"last_attempted_at", "timestamp without time zone", "backoff that was asked for"},
		{"backoff_request_seconds", "integer", "backoff that was asked for"},
		{"created_at", "timestamp without time zone", "analytics, slowest steps, since when a step is ready"},
	}, "the steps"},
	{WorkflowStepEdges, "tasker_workflow_step_edges", "id", []Column{
		{"id", "bigint", "primary key"},
		{"from_step_id", "bigint", "the parent"},
		{"to_step_id", "bigint", "the child"},
	}, "the dependencies between steps"},
	{TaskTransitions, "tasker_task_transitions", "id", []Column{
		{"id", "bigint", "primary key"},
		{"to_state", "character varying", "a task's status"},
		{"most_recent", "boolean", "which transition tells the status"},
		{"task_id", "bigint", "finds the task"},
		{"created_at", "timestamp without time zone", "since when the status holds"},
	}, "the status of each task"},
	{WorkflowStepTransitions, "tasker_workflow_step_transitions", "id", []Column{
		{"id", "bigint", "primary key"},
		{"to_state", "character varying", "a step's state"},
		{"most_recent", "boolean", "which transition tells the state"},
		{"workflow_step_id", "bigint", "finds the step"},
		{"created_at", "timestamp without time zone", "backoff after a failure, analytics, since when a state holds"},
	}, "the state of each step"},
	{DependentSystems, "tasker_dependent_systems", "dependent_system_id", nil,
		"no answer depends on it"},
	{DependentSystemObjectMaps, "tasker_dependent_system_object_maps", "dependent_system_object_map_id", nil,
		"no answer depends on it"},
	{AnnotationTypes, "tasker_annotation_types", "annotation_type_id", nil,
		"no answer depends on it"},
	{NamedTasksNamedSteps, "tasker_named_tasks_named_steps", "id", nil,
		"defaults that the engine copies into steps when it creates them; the steps' own columns decide"},
	{TaskAnnotations, "tasker_task_annotations", "task_annotation_id", nil,
		"no answer depends on it"},
}
