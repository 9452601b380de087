package verify

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Difference is one field in which the database and the index differ, or a row
// that one of them does not have (Field "row").
type Difference struct {
	Question string `json:"question"`          // the function's or the view's name
	TaskID   int64  `json:"task_id,omitempty"` // 0 where the question is about all tasks
	StepID   int64  `json:"workflow_step_id,omitempty"`
	Field    string `json:"field"` // the column's name
	Database string `json:"database"`
	Index    string `json:"index"`
}

// String is one line for people.
func (d Difference) String() string {
	var where strings.Builder
	if d.TaskID != 0 {
		fmt.Fprintf(&where, " task %d", d.TaskID)
	}
	if d.StepID != 0 {
		fmt.Fprintf(&where, " step %d", d.StepID)
	}
	return fmt.Sprintf("%s:%s %s: database %s, index %s", d.Question, where.String(), d.Field, d.Database, d.Index)
}

// key identifies a row within the answer to one question.
type key struct{ task, step int64 }

// compareRows compares two answers of the same question row by row. Rows are
// matched by key; the n-th row of a key with the n-th, so that a row given
// twice on one side is a difference.
func compareRows[T any](question string, database, index []T, keyOf func(*T) key, ignore ...string) []Difference {
	type slot struct {
		key key
		nth int
	}
	number := func(rows []T) (map[slot]*T, []slot) {
		seen := make(map[key]int, len(rows))
		byslot := make(map[slot]*T, len(rows))
		order := make([]slot, 0, len(rows))
		for i := range rows {
			k := keyOf(&rows[i])
			s := slot{k, seen[k]}
			seen[k]++
			byslot[s] = &rows[i]
			order = append(order, s)
		}
		return byslot, order
	}
	inDatabase, order := number(database)
	inIndex, indexOrder := number(index)

	var out []Difference
	for _, s := range order {
		d := inDatabase[s]
		x, ok := inIndex[s]
		if !ok {
			out = append(out, Difference{question, s.key.task, s.key.step, "row", render(d), "none"})
			continue
		}
		out = append(out, compareFields(question, s.key, d, x, ignore)...)
	}
	for _, s := range indexOrder {
		if _, ok := inDatabase[s]; !ok {
			out = append(out, Difference{question, s.key.task, s.key.step, "row", "none", render(inIndex[s])})
		}
	}
	return out
}

// compareFields compares two rows column by column, under the columns' names.
func compareFields[T any](question string, k key, database, index *T, ignore []string) []Difference {
	d, x := reflect.ValueOf(database).Elem(), reflect.ValueOf(index).Elem()
	var out []Difference
fields:
	for i := range d.NumField() {
		name, _, _ := strings.Cut(d.Type().Field(i).Tag.Get("json"), ",")
		for _, skip := range ignore {
			if name == skip {
				continue fields
			}
		}
		a, b := d.Field(i).Interface(), x.Field(i).Interface()
		if !reflect.DeepEqual(a, b) {
			out = append(out, Difference{question, k.task, k.step, name, render(a), render(b)})
		}
	}
	return out
}

// render prints a value as the API would.
func render(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%v", v)
	}
	return string(text)
}
