package matrix

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Difference is the first field in which two subjects differ, or a row that one
// of them does not have (Field "row"). It is an error.
type Difference struct {
	Question  string
	Subject   string
	Reference string // with whom it was compared
	Task      int64  // 0 where the row is of no task
	Step      int64  // 0 where the row is of no step
	Field     string // the column's name
	Theirs    string // the reference's, as JSON
	Ours      string // the subject's
}

// Error is one line for people.
func (d *Difference) Error() string {
	var where strings.Builder
	if d.Task != 0 {
		fmt.Fprintf(&where, ", task %d", d.Task)
	}
	if d.Step != 0 {
		fmt.Fprintf(&where, ", step %d", d.Step)
	}
	return fmt.Sprintf("%s%s, %s: %s says %s, %s says %s", d.Question, where.String(), d.Field, d.Reference, d.Theirs, d.Subject, d.Ours)
}

// differs is a difference in a row, which says of which task and step it is.
func differs(row any, field, theirs, ours string) *Difference {
	d := &Difference{Field: field, Theirs: theirs, Ours: ours}
	v := reflect.ValueOf(row)
	for i := range v.NumField() {
		if id, ok := v.Field(i).Interface().(int64); ok {
			switch column(v.Type().Field(i)) {
			case "task_id":
				d.Task = id
			case "workflow_step_id":
				d.Step = id
			}
		}
	}
	return d
}

// column is the name of a field in SQL and JSON.
func column(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func render(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%v", v)
	}
	return string(text)
}
