package matrix

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// An answer is rows of package tasker, or of this package where the engine has
// no such row, each boxed as a value.

func boxed[T any](rows []T) []any {
	answer := make([]any, len(rows))
	for i := range rows {
		answer[i] = rows[i]
	}
	return answer
}

func list[T any](rows []T, err error) ([]any, error) { return boxed(rows), err }

// single is the answer of one row, or none where there is no such task.
func single[T any](row T, err error) ([]any, error) {
	if errors.Is(err, tasker.ErrNotFound) {
		return nil, nil
	}
	return []any{row}, err
}

// under decodes the rows below a key of a body.
func under[T any](key string) func(body []byte) ([]any, error) {
	return func(body []byte) ([]any, error) {
		var all map[string]json.RawMessage
		if err := json.Unmarshal(body, &all); err != nil {
			return nil, fmt.Errorf("the body: %w", err)
		}
		var rows []T
		if err := json.Unmarshal(all[key], &rows); err != nil {
			return nil, fmt.Errorf("%s of the body: %w", key, err)
		}
		return boxed(rows), nil
	}
}

// whole decodes a body that is one row.
func whole[T any](body []byte) ([]any, error) {
	var row T
	if err := json.Unmarshal(body, &row); err != nil {
		return nil, fmt.Errorf("the body: %w", err)
	}
	return []any{row}, nil
}
