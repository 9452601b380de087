package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// readBody reads a JSON body of at most that many bytes.
func readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, *Problem) {
	if given := r.Header.Get("Content-Type"); given != "" {
		kind, _, err := mime.ParseMediaType(given)
		if err != nil || kind != "application/json" {
			// Without this a page of any origin could post here as a plain form.
			return nil, invalid(fieldError("header.Content-Type", given, "application/json is expected"))
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, newProblem(http.StatusRequestEntityTooLarge, ProblemTooLarge,
			"the body is larger than %d bytes; ask in several requests", tooLarge.Limit)
	case err != nil:
		return nil, invalid(&huma.ErrorDetail{Location: "body", Message: "the body ended before it was complete"})
	}
	return body, nil
}

// parseContextsRequest reads {"task_ids":[1,2]}. It is stricter than
// encoding/json: nothing unknown, nothing twice, only whole numbers of 64 bits,
// no more than maxIDs, and each error says where.
func parseContextsRequest(body []byte, maxIDs int) ([]int64, *huma.ErrorDetail) {
	p := bodyParser{rest: body, all: body}
	var ids []int64
	found := false
	if !p.take('{') {
		return nil, p.unexpected("body", `an object such as {"task_ids":[1,2]}`)
	}
	for first := true; !p.take('}'); first = false {
		if !first && !p.take(',') {
			return nil, p.unexpected("body", "a comma or the end of the object")
		}
		name, ok := p.name()
		switch {
		case !ok:
			return nil, p.unexpected("body", "a member's name")
		case name != "task_ids":
			return nil, fieldError("body."+shortened(name), "", "unknown member: only task_ids is known")
		case found:
			return nil, fieldError("body.task_ids", "", "the member is given twice")
		}
		found = true
		if !p.take(':') || !p.take('[') {
			return nil, p.unexpected("body.task_ids", "a list of ids")
		}
		ids = []int64{}
		for firstID := true; !p.take(']'); firstID = false {
			if !firstID && !p.take(',') {
				return nil, p.unexpected("body.task_ids", "a comma or the end of the list")
			}
			location := "body.task_ids[" + strconv.Itoa(len(ids)) + "]"
			if len(ids) >= maxIDs {
				return nil, fieldError("body.task_ids", "", "more than %d ids; ask in several requests", maxIDs)
			}
			id, detail := p.id(location)
			if detail != nil {
				return nil, detail
			}
			ids = append(ids, id)
		}
	}
	if p.skipSpace(); len(p.rest) > 0 {
		return nil, p.unexpected("body", "nothing after the object")
	}
	if !found {
		return nil, fieldError("body.task_ids", "", `the member is missing: send {"task_ids":[1,2]}`)
	}
	return ids, nil
}

// bodyParser walks over JSON text.
type bodyParser struct{ rest, all []byte }

func (p *bodyParser) skipSpace() {
	for len(p.rest) > 0 && (p.rest[0] == ' ' || p.rest[0] == '\t' || p.rest[0] == '\n' || p.rest[0] == '\r') {
		p.rest = p.rest[1:]
	}
}

// take skips one character if it comes next.
func (p *bodyParser) take(c byte) bool {
	p.skipSpace()
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// name takes a string. Names are compared as they are written: an escaped one
// is unknown.
func (p *bodyParser) name() (string, bool) {
	if !p.take('"') {
		return "", false
	}
	for i, c := range p.rest {
		if c == '"' {
			name := string(p.rest[:i])
			p.rest = p.rest[i+1:]
			return name, true
		}
	}
	return "", false
}

// id takes a number that is written as JSON writes whole numbers.
func (p *bodyParser) id(location string) (int64, *huma.ErrorDetail) {
	p.skipSpace()
	end := 0
	for end < len(p.rest) && !separates(p.rest[end]) {
		end++
	}
	text := string(p.rest[:end])
	id, err := strconv.ParseInt(text, 10, 64)
	digits := text
	if digits != "" && digits[0] == '-' {
		digits = digits[1:]
	}
	if err != nil || text[0] == '+' || len(digits) > 1 && digits[0] == '0' {
		return 0, fieldError(location, text, "not an id: a whole number of 64 bits is expected")
	}
	p.rest = p.rest[end:]
	return id, nil
}

func separates(c byte) bool {
	return c == ',' || c == ']' || c == '}' || c == ' ' || c == '\t' || c == '\n' || c == '\r'
}

// unexpected says what was expected where the parser stands.
func (p *bodyParser) unexpected(location, wanted string) *huma.ErrorDetail {
	if len(p.rest) == 0 {
		return fieldError(location, "", "the body ends where %s is expected", wanted)
	}
	return fieldError(location, string(p.rest), "%s is expected at byte %d", wanted, len(p.all)-len(p.rest))
}
