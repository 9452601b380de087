package replication

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// RulesError says that the installed function follows neither version of the
// rules, or each at times. It names the first such step, what was answered
// about it and what either version answers, column by column where they differ.
type RulesError struct {
	Function              string
	WorkflowStepID        int64
	TaskID                int64
	Columns               []string // those that are answered as neither or as the wrong version says
	Answered, V01, V02    []string // the columns' values, as JSON
	LikeV01, LikeV02      int      // how many steps were answered as one version alone has it
	Neither, StepsInTotal int
}

// Error gives all of it in one line.
func (e *RulesError) Error() string {
	var parts []string
	for i, c := range e.Columns {
		parts = append(parts, fmt.Sprintf("%s %s (v01: %s, v02: %s)", c, e.Answered[i], e.V01[i], e.V02[i]))
	}
	what := "as neither rules v01 nor v02"
	if e.Neither == 0 {
		what = fmt.Sprintf("about %d steps as rules v01 and about %d as v02", e.LikeV01, e.LikeV02)
	}
	return fmt.Sprintf("%s answers %s: of step %d (task %d) it says %s", e.Function, what, e.WorkflowStepID, e.TaskID, strings.Join(parts, ", "))
}

// err tells of an answer that does not fit.
func (a *rulesAnswer) err(function string) *RulesError {
	e := &RulesError{Function: function, WorkflowStepID: a.step, TaskID: a.task}
	columns := append(deviations(a.answered, a.v01), deviations(a.answered, a.v02)...)
	slices.Sort(columns)
	for _, c := range slices.Compact(columns) {
		e.Columns = append(e.Columns, c)
		e.Answered = append(e.Answered, jsonOf(a.answered, c))
		e.V01 = append(e.V01, jsonOf(a.v01, c))
		e.V02 = append(e.V02, jsonOf(a.v02, c))
	}
	return e
}

// deviations are the columns in which an answer is not the expected one.
func deviations(answered, expected map[string]any) []string {
	var columns []string
	for c, want := range expected {
		if got, ok := answered[c]; !ok || !reflect.DeepEqual(got, want) {
			columns = append(columns, c)
		}
	}
	slices.Sort(columns)
	return columns
}

func jsonOf(row map[string]any, column string) string {
	v, ok := row[column]
	if !ok {
		return "nothing"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}
