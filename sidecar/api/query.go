package api

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// parameters of a route: the names of its query parameters, and whether each
// may be repeated.
type parameters map[string]bool

// parametersOf reads an operation's description.
func parametersOf(op *huma.Operation) parameters {
	known := parameters{}
	for _, p := range op.Parameters {
		if p.In == "query" {
			known[p.Name] = p.Schema.Type == huma.TypeArray
		}
	}
	return known
}

// each walks the pairs of a query in their order and refuses what the route
// does not know, what is repeated and must not be, what is empty, what is not
// escaped properly, and text that no column can hold (NUL, invalid UTF-8).
func (known parameters) each(rawQuery string, visit func(name, value string) *huma.ErrorDetail) *huma.ErrorDetail {
	var seen [8]string // the single-valued ones met so far
	count := 0
	for rest := rawQuery; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := unescape(name)
		if err != nil {
			return fieldError("query", pair, "the name is not escaped properly")
		}
		location := "query." + shortened(name)
		repeatable, ok := known[name]
		if !ok {
			return fieldError(location, value, "unknown query parameter")
		}
		value, err = unescape(value)
		switch {
		case err != nil:
			return fieldError(location, pair, "the value is not escaped properly")
		case value == "":
			return fieldError(location, value, "the value is empty: leave the parameter out, or give a value")
		case strings.IndexByte(value, 0) >= 0:
			return fieldError(location, value, "the value contains a NUL character")
		case !utf8.ValidString(value):
			return fieldError(location, value, "the value is not valid UTF-8")
		}
		if !repeatable {
			for _, other := range seen[:count] {
				if other == name {
					return fieldError(location, value, "the parameter may be given once only")
				}
			}
			if count < len(seen) {
				seen[count] = name
				count++
			}
		}
		if detail := visit(name, value); detail != nil {
			return detail
		}
	}
	return nil
}

func unescape(s string) (string, error) {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s, nil
	}
	return url.QueryUnescape(s)
}

// hotQuery is the query of the routes that are decoded without huma.
type hotQuery struct {
	stepIDs []int64 // nil: all
	taskIDs []int64
	minLSN  tasker.LSN
	derived bool
}

func parseHotQuery(known parameters, rawQuery string, maxIDs int) (q hotQuery, detail *huma.ErrorDetail) {
	detail = known.each(rawQuery, func(name, value string) (detail *huma.ErrorDetail) {
		switch name {
		case "step_id":
			q.stepIDs, detail = appendID(q.stepIDs, "query.step_id", value, maxIDs)
		case "task_id":
			q.taskIDs, detail = appendID(q.taskIDs, "query.task_id", value, maxIDs)
		case "min_lsn":
			q.minLSN, detail = parseLSN(value)
		case "derived":
			q.derived, detail = parseBool("query.derived", value)
		}
		return detail
	})
	return q, detail
}

func appendID(ids []int64, location, value string, maxIDs int) ([]int64, *huma.ErrorDetail) {
	id, detail := parseID(location, value)
	if detail == nil && len(ids) >= maxIDs {
		detail = fieldError(location, value, "more than %d ids; ask in several requests", maxIDs)
	}
	return append(ids, id), detail
}

// parseID reads a bigint as Postgres prints it.
func parseID(location, value string) (int64, *huma.ErrorDetail) {
	id, err := strconv.ParseInt(value, 10, 64)
	if err != nil || value[0] == '+' {
		return 0, fieldError(location, value, "not an id: a whole number of 64 bits is expected")
	}
	return id, nil
}

func parseLSN(value string) (tasker.LSN, *huma.ErrorDetail) {
	lsn, err := tasker.ParseLSN(value)
	if err != nil {
		return 0, fieldError("query.min_lsn", value, "not a log position: two hexadecimal numbers with a slash between them are expected, such as 16/B374D848")
	}
	return lsn, nil
}

func parseBool(location, value string) (bool, *huma.ErrorDetail) {
	switch value {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fieldError(location, value, "neither true nor false")
}

// parseTime reads a finite RFC 3339 time.
func parseTime(location, value string) (tasker.Timestamp, *huma.ErrorDetail) {
	t, err := tasker.ParseTimestamp(value)
	if err != nil || !t.Finite() {
		return tasker.NoTime, fieldError(location, value, "not a time: RFC 3339 is expected, such as 2026-01-31T12:00:00Z (a + of an offset is written %%2B)")
	}
	return t, nil
}
