package writer

import (
	"fmt"
	"strings"
)

// Problem is a field of a request that cannot be right, whatever the database
// holds.
type Problem struct {
	Field  string `json:"field"` // to, metadata, …; in a batch requests[3].to
	Detail string `json:"detail"`
}

// Invalid is returned for requests that are refused before anything is asked of
// the database, with every problem that they have.
type Invalid struct{ Problems []Problem }

// Error lists the problems.
func (e *Invalid) Error() string {
	list := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		list[i] = fmt.Sprintf("%s: %s", p.Field, p.Detail)
	}
	return strings.Join(list, "; ")
}

func invalid(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &Invalid{problems}
}
