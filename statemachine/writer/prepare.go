package writer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// member is what is ours in a transition's metadata.
const member = "tasker_sidecar"

// What the results of a failed step say where nothing was given.
const (
	failureText  = "moved to error from outside of the engine"
	failureClass = "TaskerSidecar::MovedToError"
)

// note is the member tasker_sidecar.
type note struct {
	Key       string `json:"key,omitempty"`
	By        string `json:"by,omitempty"`
	Reason    string `json:"reason,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	Request   string `json:"request,omitempty"` // of one with a key: its digest
}

// prepared is a request that has been checked, with what it writes.
type prepared struct {
	request  *Request
	machine  *statemachine.Machine
	lock     int64
	digest   string  // tells it from another request under the same key
	metadata string  // JSON
	results  *string // JSON, nil where they stay as they are
}

// prepare checks everything that can be checked without the database; problems
// name the fields behind the prefix.
func prepare(r *Request, prefix string) (prepared, []Problem) {
	c := checker{prefix: prefix}
	c.entity(r.Kind, r.ID)
	c.check(statemachine.Known(r.To), "to", "%s is not a state: there are %s", quoted(r.To), strings.Join(statemachine.States(), ", "))
	c.check(r.ExpectFrom == "" || statemachine.Known(r.ExpectFrom), "expect_from", "%s is not a state: there are %s",
		quoted(r.ExpectFrom), strings.Join(statemachine.States(), ", "))
	c.check(!r.ExpectTransition.Valid || r.ExpectTransition.V >= 0, "expect_transition", "%d is the id of no transition", r.ExpectTransition.V)
	step := r.Kind == statemachine.Step
	c.check(!r.Take || step && r.To == tasker.InProgress, "take", "only a step that goes to in_progress is taken")
	c.text("key", r.Key, MaxKey)
	c.text("by", r.By, MaxText)
	c.text("reason", r.Reason, MaxText)
	c.text("request_id", r.RequestID, MaxText)
	c.check(!r.BackoffSeconds.Valid || step && r.To == tasker.Error, "backoff_seconds", "only a step that goes to error has a backoff")
	c.check(r.BackoffSeconds.V >= 0, "backoff_seconds", "%d is less than 0", r.BackoffSeconds.V)
	c.check(len(r.Results) == 0 || step && (r.To == tasker.Complete || r.To == tasker.Error), "results", "only a step that goes to complete or error has results")

	p := prepared{request: r, machine: statemachine.Of(r.Kind), lock: LockKey(r.Kind, r.ID)}
	metadata := c.object("metadata", r.Metadata)
	if _, taken := metadata[member]; taken {
		c.check(false, "metadata", "the member %s is not the caller's to give", member)
	}
	var results any
	switch {
	case step && r.To == tasker.Error:
		object := c.object("results", r.Results)
		results = object
		p.results = failure(object, r.Reason)
	case len(r.Results) > 0:
		results = c.value("results", r.Results)
		text := encode(results)
		p.results = &text
	}
	if len(c.problems) > 0 {
		return p, c.problems
	}
	n := note{Key: r.Key, By: r.By, Reason: r.Reason, RequestID: r.RequestID}
	if r.Key != "" {
		p.digest = digest(r, encode(metadata), encode(results))
		n.Request = p.digest
	}
	if n != (note{}) {
		metadata[member] = n
	}
	p.metadata = encode(metadata)
	return p, nil
}

// failure are the results of a failed step: what was given, completed.
func failure(given map[string]any, reason string) *string {
	results := map[string]any{"error": failureText, "error_class": failureClass}
	if reason != "" {
		results["error"] = reason
	}
	for name, v := range given {
		results[name] = v
	}
	text := encode(results)
	return &text
}

// digest is equal for requests that ask for the same. Which HTTP request brought
// it makes no difference.
func digest(r *Request, metadata, results string) string {
	text, err := json.Marshal([]any{r.Kind, r.ID, r.To, r.ExpectFrom, r.ExpectTransition, r.Take, r.By, r.Reason, metadata, results, r.BackoffSeconds})
	if err != nil {
		panic("writer: a request cannot be encoded: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}

// checker collects problems.
type checker struct {
	prefix   string
	problems []Problem
}

func (c *checker) check(ok bool, field, format string, args ...any) {
	if !ok {
		c.problems = append(c.problems, Problem{c.prefix + field, fmt.Sprintf(format, args...)})
	}
}

func (c *checker) entity(k statemachine.Kind, id int64) {
	c.check(k.Valid(), "kind", "it has to be task or step")
	c.check(id > 0, "id", "%d is the id of no task or step: they begin with 1", id)
}

func (c *checker) text(field, value string, most int) {
	err := storableText(value)
	c.check(err == nil, field, "%v", err)
	c.check(len(value) <= most, field, "it has %d bytes, at most %d are taken", len(value), most)
}

func (c *checker) value(field string, raw json.RawMessage) any {
	v, err := decode(raw)
	c.check(err == nil, field, "%v", err)
	return v
}

// object is a JSON object, empty where nothing was given, never nil.
func (c *checker) object(field string, raw json.RawMessage) map[string]any {
	if len(raw) == 0 {
		return map[string]any{}
	}
	v, err := decode(raw)
	object, ok := v.(map[string]any)
	switch {
	case err != nil:
		c.check(false, field, "%v", err)
	case !ok:
		c.check(false, field, "it has to be a JSON object, such as {\"ticket\": 4711}")
	default:
		return object
	}
	return map[string]any{}
}

// quoted is a value for a message, cut where it is long.
func quoted(s string) string {
	const most = 100
	if len(s) > most {
		s = s[:most] + "…"
	}
	return fmt.Sprintf("%q", s)
}
