package golden

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// DependencyLevel is a row of calculate_dependency_levels.csv, which has the
// task besides the function's own columns.
type DependencyLevel struct {
	TaskID          int64 `json:"task_id"`
	WorkflowStepID  int64 `json:"workflow_step_id"`
	DependencyLevel int32 `json:"dependency_level"`
}

// Expected reads the answers in the named file (without .csv), in the file's
// order. T is the answer's type in package tasker; its JSON names are the
// file's columns. Columns that the file leaves out keep their zero values.
// Under RulesV01 the file is the one in v01, where there is one.
func Expected[T any](rules tasker.Rules, name string) ([]T, error) {
	file := "expected/" + name + ".csv"
	if rules == tasker.RulesV01 {
		if older := "v01/" + name + ".csv"; exists(older) {
			file = older
		}
	}
	text, err := fs.ReadFile(Files, file)
	if err != nil {
		return nil, err
	}
	records, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	fields := fieldsByColumn(reflect.TypeFor[T]())
	rows := make([]T, len(records)-1)
	for i, record := range records[1:] {
		for j, column := range records[0] {
			index, ok := fields[column]
			if !ok {
				return nil, fmt.Errorf("%s: column %s has no field in %T", file, column, rows[i])
			}
			field := reflect.ValueOf(&rows[i]).Elem().FieldByIndex(index).Addr().Interface()
			if err := parse(record[j], field); err != nil {
				return nil, fmt.Errorf("%s, line %d, %s: %w", file, i+2, column, err)
			}
		}
	}
	return rows, nil
}

func exists(file string) bool {
	_, err := fs.Stat(Files, file)
	return err == nil
}

func fieldsByColumn(row reflect.Type) map[string][]int {
	fields := map[string][]int{}
	for _, f := range reflect.VisibleFields(row) {
		if name := f.Tag.Get("json"); name != "" {
			fields[name] = f.Index
		}
	}
	return fields
}

// parse reads what COPY wrote for a column into the field that field points to.
func parse(text string, field any) (err error) {
	switch field := field.(type) {
	case *string:
		*field = text
	case *bool:
		if *field = text == "t"; !*field && text != "f" {
			err = fmt.Errorf("%q is neither t nor f", text)
		}
	case *int32:
		*field, err = parseInt32(text)
	case *int64:
		*field, err = strconv.ParseInt(text, 10, 64)
	case *[]int64:
		err = json.Unmarshal([]byte(text), field)
	case *tasker.Decimal:
		err = json.Unmarshal([]byte(text), field)
	case *tasker.Timestamp:
		*field, err = parseTimestamp(text)
	case *tasker.Null[int32]:
		*field, err = parseNull(text, parseInt32)
	case *tasker.Null[string]:
		*field, err = parseNull(text, func(s string) (string, error) { return s, nil })
	default:
		err = fmt.Errorf("fields of type %T are not read", field)
	}
	return err
}

func parseInt32(text string) (int32, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	return int32(n), err
}

func parseNull[T comparable](text string, parse func(string) (T, error)) (tasker.Null[T], error) {
	if text == "" {
		return tasker.Null[T]{}, nil
	}
	v, err := parse(text)
	return tasker.Some(v), err
}

func parseTimestamp(text string) (tasker.Timestamp, error) {
	if text == "" {
		return tasker.NoTime, nil
	}
	t, err := time.Parse(time.DateTime, strings.TrimSuffix(text, "+00"))
	return tasker.TimestampOf(t), err
}
