package tasker

// The row types of the engine's 13 tables, one field a column, in the order of
// the columns. JSON columns hold the text as stored, nil for NULL. A reader
// that follows only some columns (see [Tables]) leaves the others zero.

// TaskNamespace is a row of tasker_task_namespaces.
type TaskNamespace struct {
	TaskNamespaceID int32
	Name            string
	Description     Null[string]
	CreatedAt       Timestamp
	UpdatedAt       Timestamp
}

// DependentSystem is a row of tasker_dependent_systems.
type DependentSystem struct {
	DependentSystemID int32
	Name              string
	Description       Null[string]
	CreatedAt         Timestamp
	UpdatedAt         Timestamp
}

// DependentSystemObjectMap is a row of tasker_dependent_system_object_maps.
type DependentSystemObjectMap struct {
	DependentSystemObjectMapID int64
	DependentSystemOneID       int32
	DependentSystemTwoID       int32
	RemoteIDOne                string
	RemoteIDTwo                string
	CreatedAt                  Timestamp
	UpdatedAt                  Timestamp
}

// AnnotationType is a row of tasker_annotation_types.
type AnnotationType struct {
	AnnotationTypeID int32
	Name             string
	Description      Null[string]
	CreatedAt        Timestamp
	UpdatedAt        Timestamp
}

// NamedTask is a row of tasker_named_tasks.
type NamedTask struct {
	NamedTaskID     int32
	Name            string
	Description     Null[string]
	CreatedAt       Timestamp
	UpdatedAt       Timestamp
	TaskNamespaceID int64
	Version         string
	Configuration   []byte
}

// NamedStep is a row of tasker_named_steps.
type NamedStep struct {
	NamedStepID       int32
	DependentSystemID int32
	Name              string
	Description       Null[string]
	CreatedAt         Timestamp
	UpdatedAt         Timestamp
}

// NamedTaskNamedStep is a row of tasker_named_tasks_named_steps.
type NamedTaskNamedStep struct {
	ID                int32
	NamedTaskID       int32
	NamedStepID       int32
	Skippable         bool
	DefaultRetryable  bool
	DefaultRetryLimit int32
	CreatedAt         Timestamp
	UpdatedAt         Timestamp
}

// Task is a row of tasker_tasks.
type Task struct {
	TaskID       int64
	NamedTaskID  int32
	Complete     bool
	RequestedAt  Timestamp
	Initiator    Null[string]
	SourceSystem Null[string]
	Reason       Null[string]
	BypassSteps  []byte
	Tags         []byte
	Context      []byte
	IdentityHash string
	CreatedAt    Timestamp
	UpdatedAt    Timestamp
}

// TaskAnnotation is a row of tasker_task_annotations.
type TaskAnnotation struct {
	TaskAnnotationID int64
	TaskID           int64
	AnnotationTypeID int32
	Annotation       []byte
	CreatedAt        Timestamp
	UpdatedAt        Timestamp
}

// WorkflowStep is a row of tasker_workflow_steps.
type WorkflowStep struct {
	WorkflowStepID        int64
	TaskID                int64
	NamedStepID           int32
	Retryable             bool
	RetryLimit            Null[int32]
	InProcess             bool
	Processed             bool
	ProcessedAt           Timestamp
	Attempts              Null[int32]
	LastAttemptedAt       Timestamp
	BackoffRequestSeconds Null[int32]
	Inputs                []byte
	Results               []byte
	CreatedAt             Timestamp
	UpdatedAt             Timestamp
	Skippable             bool
}

// WorkflowStepEdge is a row of tasker_workflow_step_edges: the step ToStepID
// depends on the step FromStepID.
type WorkflowStepEdge struct {
	ID         int64
	FromStepID int64
	ToStepID   int64
	Name       string
	CreatedAt  Timestamp
	UpdatedAt  Timestamp
}

// Transition is a row of tasker_task_transitions or of
// tasker_workflow_step_transitions; ParentID is its task_id or its
// workflow_step_id.
type Transition struct {
	ID         int64
	ToState    string
	FromState  Null[string]
	Metadata   []byte
	SortKey    int32
	MostRecent bool
	ParentID   int64
	CreatedAt  Timestamp
	UpdatedAt  Timestamp
}
