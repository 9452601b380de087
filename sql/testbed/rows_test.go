package testbed_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// rowTypes are the Go types of each table's rows. A transition's parent has
// one name for both of its tables.
var rowTypes = map[string]struct {
	row    reflect.Type
	parent string
}{
	"tasker_annotation_types":             {row: reflect.TypeFor[tasker.AnnotationType]()},
	"tasker_dependent_system_object_maps": {row: reflect.TypeFor[tasker.DependentSystemObjectMap]()},
	"tasker_dependent_systems":            {row: reflect.TypeFor[tasker.DependentSystem]()},
	"tasker_named_steps":                  {row: reflect.TypeFor[tasker.NamedStep]()},
	"tasker_named_tasks":                  {row: reflect.TypeFor[tasker.NamedTask]()},
	"tasker_named_tasks_named_steps":      {row: reflect.TypeFor[tasker.NamedTaskNamedStep]()},
	"tasker_task_annotations":             {row: reflect.TypeFor[tasker.TaskAnnotation]()},
	"tasker_task_namespaces":              {row: reflect.TypeFor[tasker.TaskNamespace]()},
	"tasker_task_transitions":             {row: reflect.TypeFor[tasker.Transition](), parent: "task_id"},
	"tasker_tasks":                        {row: reflect.TypeFor[tasker.Task]()},
	"tasker_workflow_step_edges":          {row: reflect.TypeFor[tasker.WorkflowStepEdge]()},
	"tasker_workflow_step_transitions":    {row: reflect.TypeFor[tasker.Transition](), parent: "workflow_step_id"},
	"tasker_workflow_steps":               {row: reflect.TypeFor[tasker.WorkflowStep]()},
}

var wordStart = regexp.MustCompile(`([a-z])([A-Z])`)

// A row type has one field a column, in the order of the columns, of a type
// that holds every value the column can have.
func TestRowTypesAreTheEngines(t *testing.T) {
	for table, columns := range engineCatalog(t).Tables {
		var want, got []string
		for _, c := range columns {
			want = append(want, c.Column+" "+goType(c))
		}
		for _, f := range reflect.VisibleFields(rowTypes[table].row) {
			name := strings.ReplaceAll(f.Name, "ID", "Id")
			name = strings.ToLower(wordStart.ReplaceAllString(name, "${1}_${2}"))
			if name == "parent_id" {
				name = rowTypes[table].parent
			}
			got = append(got, name+" "+f.Type.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("columns of %s (-), fields (+):\n%s", table, diff)
		}
	}
}

func goType(c column) string {
	var name string
	switch kind := typeModifier.ReplaceAllString(c.Type, ""); kind {
	case "timestamp without time zone":
		return "tasker.Timestamp" // has a value for NULL
	case "json", "jsonb":
		return "[]uint8" // nil is NULL
	case "integer":
		name = "int32"
	case "bigint":
		name = "int64"
	case "boolean":
		name = "bool"
	case "character varying":
		name = "string"
	default:
		return kind
	}
	if c.Nullable {
		return "tasker.Null[" + name + "]"
	}
	return name
}
