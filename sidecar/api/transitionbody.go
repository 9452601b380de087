package api

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Move is what is asked of one task or step. Fields that are left out ask for
// nothing.
type Move struct {
	To               string             `json:"to" enum:"pending,in_progress,complete,error,cancelled,resolved_manually" doc:"The state to move to."`
	ExpectFrom       string             `json:"expect_from,omitempty" enum:"pending,in_progress,complete,error,cancelled,resolved_manually" doc:"Refuse it in any other state than this."`
	ExpectTransition tasker.Null[int64] `json:"expect_transition,omitzero" doc:"Refuse it unless the most recent transition has this id; 0: unless there is none."`
	Take             bool               `json:"take,omitempty" doc:"Take the step from the engine's workers: needed to move a step to in_progress."`
	Reason           string             `json:"reason,omitempty" maxLength:"4096" doc:"Why; kept in the transition's metadata."`
	Metadata         json.RawMessage    `json:"metadata,omitempty" doc:"An object, kept as the transition's metadata; at most 1 MiB."`
	Results          json.RawMessage    `json:"results,omitempty" doc:"For the step's column results, with complete or error; at most 1 MiB."`
	BackoffSeconds   tasker.Null[int32] `json:"backoff_seconds,omitzero" doc:"How long a step that is moved to error waits before it is ready again."`
}

// Manner is how a request for transitions is carried out.
type Manner struct {
	Wait   bool `json:"wait,omitempty" doc:"Answer when the index has the change, at the latest after http.max_wait; applied says whether it has."`
	DryRun bool `json:"dry_run,omitempty" doc:"Write nothing, and say what would become of it."`
}

// TransitionBody asks for one transition.
type TransitionBody struct {
	Move
	Manner
}

// BatchItem is one of a batch.
type BatchItem struct {
	Kind statemachine.Kind `json:"kind" doc:"task or step."`
	ID   int64             `json:"id" doc:"Of the task or step."`
	Move
	Key string `json:"key,omitempty" maxLength:"255" doc:"As the header Idempotency-Key, which holds for all items without one."`
}

// BatchBody asks for many transitions.
type BatchBody struct {
	Transitions  []BatchItem `json:"transitions" doc:"Each task or step once."`
	AllOrNothing bool        `json:"all_or_nothing,omitempty" doc:"One transaction, or none when one is refused; at most 500 transitions then. Otherwise each is decided on its own."`
	Manner
}

// Request is the same for a writer.
func (m *Move) Request(kind statemachine.Kind, id int64) writer.Request {
	return writer.Request{
		Kind: kind, ID: id, To: m.To, ExpectFrom: m.ExpectFrom, ExpectTransition: m.ExpectTransition, Take: m.Take,
		Reason: m.Reason, Metadata: m.Metadata, Results: m.Results, BackoffSeconds: m.BackoffSeconds,
	}
}

func (m *Move) members() members {
	return members{
		"to": &m.To, "expect_from": &m.ExpectFrom, "expect_transition": &m.ExpectTransition, "take": &m.Take, "reason": &m.Reason,
		"metadata": &m.Metadata, "results": &m.Results, "backoff_seconds": &m.BackoffSeconds,
	}
}

func (m *Manner) into(known members) members {
	known["wait"], known["dry_run"] = &m.Wait, &m.DryRun
	return known
}

func decodeTransition(body []byte, into *TransitionBody) *huma.ErrorDetail {
	if detail := text8(body); detail != nil {
		return detail
	}
	return into.Manner.into(into.Move.members()).decode("body", body)
}

func decodeBatch(body []byte) (*BatchBody, *huma.ErrorDetail) {
	if detail := text8(body); detail != nil {
		return nil, detail
	}
	into := new(BatchBody)
	var list []json.RawMessage
	known := into.Manner.into(members{"transitions": &list, "all_or_nothing": &into.AllOrNothing})
	if detail := known.decode("body", body); detail != nil {
		return nil, detail
	}
	if len(list) == 0 {
		return nil, fieldError("body.transitions", "", "there is none")
	}
	into.Transitions = make([]BatchItem, len(list))
	for i, raw := range list {
		item := &into.Transitions[i]
		known := item.Move.members()
		known["kind"], known["id"], known["key"] = &item.Kind, &item.ID, &item.Key
		if detail := known.decode(fmt.Sprintf("body.transitions[%d]", i), raw); detail != nil {
			return nil, detail
		}
	}
	return into, nil
}

func text8(body []byte) *huma.ErrorDetail {
	if !utf8.Valid(body) {
		return &huma.ErrorDetail{Location: "body", Message: "it is not UTF-8"}
	}
	return nil
}

// members are those that an object may have, and where their values go.
type members map[string]any

// decode reads an object more strictly than encoding/json: no member that is
// unknown, written in another case, given twice or null.
func (known members) decode(location string, raw []byte) *huma.ErrorDetail {
	d := json.NewDecoder(bytes.NewReader(raw))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return fieldError(location, string(raw), "an object is expected")
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return fieldError(location, "", "the object is not JSON: %v", err)
		}
		at := location + "." + shortened(name)
		into, ok := known[name]
		switch {
		case !ok:
			return fieldError(at, "", "unknown member")
		case seen[name]:
			return fieldError(at, "", "the member is given twice")
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return fieldError(at, "", "it is not JSON: %v", err)
		}
		if text, ok := into.(*json.RawMessage); ok {
			*text = value
			continue
		}
		if string(value) == "null" {
			return fieldError(at, "null", "give a value, or leave the member out")
		}
		if err := json.Unmarshal(value, into); err != nil {
			return fieldError(at, string(value), "%s is expected", wanted(into))
		}
	}
	if _, err := d.Token(); err != nil {
		return fieldError(location, "", "the object is not JSON: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fieldError(location, "", "something follows the object")
	}
	return nil
}

// wanted says what a value has to be.
func wanted(into any) string {
	switch into.(type) {
	case *bool:
		return "true or false"
	case *int64, *tasker.Null[int64]:
		return "a whole number of 64 bits"
	case *tasker.Null[int32]:
		return "a whole number of 32 bits"
	case *[]json.RawMessage:
		return "a list"
	case *statemachine.Kind:
		return `"task" or "step"`
	}
	return "a text"
}

// nothingKnown visits no parameter: there is none that a route could have.
func nothingKnown(string, string) *huma.ErrorDetail { return nil }

// oneHeader is the value of a header that may be given once.
func oneHeader(r *http.Request, name string) (string, *huma.ErrorDetail) {
	values := r.Header.Values(name)
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", fieldError("header."+name, strings.Join(values, ", "), "the header may be given once only")
	case values[0] == "":
		return "", fieldError("header."+name, "", "the value is empty: leave the header out, or give a value")
	}
	return values[0], nil
}

func newRequestID() string {
	var random [8]byte
	rand.Read(random[:]) //nolint:errcheck // it never fails: the runtime ends the process instead
	return hex.EncodeToString(random[:])
}
