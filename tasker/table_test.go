package tasker

import "testing"

func TestSchemaIsInTheOrderOfItsNumbers(t *testing.T) {
	if len(Schema) != 13 {
		t.Fatalf("%d tables, the engine has 13", len(Schema))
	}
	for i, info := range Schema {
		if int(info.Table) != i+1 {
			t.Errorf("%s has number %d at place %d", info.Name, info.Table, i+1)
		}
		if found, ok := TableByName(info.Name); !ok || found != info.Table {
			t.Errorf("%s is not found by its name", info.Name)
		}
		followed := len(info.Followed) > 0
		if followed != (i < FollowedTables) {
			t.Errorf("%s: followed tables come first, and only they", info.Name)
		}
		if followed && info.Followed[0].Name != info.Key {
			t.Errorf("%s: the primary key is the first column followed", info.Name)
		}
		if info.Why == "" {
			t.Errorf("%s: no reason given", info.Name)
		}
	}
	if Table(0).String() != "no table" || Table(200).String() != "no table" {
		t.Error("a number that is no table has no name")
	}
}

func TestRowsLenIsOfTheTable(t *testing.T) {
	for table := NoTable; table <= TaskAnnotations; table++ {
		rows := Rows{
			Table: table, TaskNamespaces: make([]TaskNamespace, 1), NamedTasks: make([]NamedTask, 2), NamedSteps: make([]NamedStep, 3), Tasks: make([]Task, 4),
			WorkflowSteps: make([]WorkflowStep, 5), WorkflowStepEdges: make([]WorkflowStepEdge, 6), TaskTransitions: make([]Transition, 7), WorkflowStepTransitions: make([]Transition, 8),
		}
		want := int(table)
		if want > FollowedTables {
			want = 0
		}
		if got := rows.Len(); got != want {
			t.Errorf("%v: %d rows, want %d", table, got, want)
		}
	}
}
