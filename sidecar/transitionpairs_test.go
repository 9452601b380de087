package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/user"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// answer is what a way of asking has said: one of the two.
type answer struct {
	Result  *writer.Result
	Refusal *writer.Refusal
}

// comparable leaves out what differs from one task to the next.
func (a answer) comparable() string {
	if a.Result != nil {
		r := *a.Result
		r.ID, r.TransitionID, r.At, r.LSN = 0, 0, 0, 0
		a.Result = &r
	}
	if a.Refusal != nil {
		r := writer.Refusal{Reason: a.Refusal.Reason, Kind: a.Refusal.Kind, To: a.Refusal.To, State: a.Refusal.State, Allowed: a.Refusal.Allowed, More: a.Refusal.More}
		for _, u := range a.Refusal.Undone {
			r.Undone = append(r.Undone, statemachine.Undone{State: u.State})
		}
		a.Refusal = &r
	}
	text, _ := json.Marshal(a)
	return string(text)
}

// ways are all ways in which a transition can be asked for, and who is noted for
// it. The first is the one that the others are compared with.
var ways = []struct {
	name string
	by   func(l *lab) string
	ask  func(l *lab, r *writer.Request) answer
}{
	{"Go", func(*lab) string { return "" }, (*lab).askGo},
	{"HTTP", func(*lab) string { return "somebody on the sidecar's machine" }, (*lab).askHTTP},
	{"CLI, alone", func(l *lab) string {
		u, err := user.Current()
		if err != nil {
			l.Fatal(err)
		}
		return u.Username + ", as role " + l.pool.Config().ConnConfig.User
	}, func(l *lab, r *writer.Request) answer { return l.askCommand(r, "--database-url", l.url) }},
	{"CLI, by a sidecar", func(*lab) string { return "somebody on the sidecar's machine" }, func(l *lab, r *writer.Request) answer { return l.askCommand(r, "--server", l.server) }},
}

func (l *lab) askGo(r *writer.Request) answer {
	result, err := l.writer.Transition(l.Context(), *r)
	var refusal *writer.Refusal
	if err != nil && !errors.As(err, &refusal) {
		l.Fatal(err)
	}
	if err != nil {
		return answer{Refusal: refusal}
	}
	return answer{Result: &result}
}

func (l *lab) askHTTP(r *writer.Request) answer {
	body, err := json.Marshal(api.TransitionBody{Move: api.Move{To: r.To, Take: r.Take}})
	if err != nil {
		l.Fatal(err)
	}
	var got struct {
		writer.Result
		Type, Detail string
		Refusal      *writer.Refusal
	}
	status := l.ask(http.MethodPost, transitionsPath(r.Kind, r.ID), string(body), &got)
	switch {
	case status == http.StatusOK:
		return answer{Result: &got.Result}
	case status == http.StatusConflict && got.Refusal != nil && got.Type == strings.ReplaceAll(string(got.Refusal.Reason), "_", "-") && got.Detail != "":
		return answer{Refusal: got.Refusal}
	}
	l.Fatalf("%d %+v", status, got)
	return answer{}
}

func (l *lab) askCommand(r *writer.Request, where ...string) answer {
	args := append([]string{"transition", r.Kind.String(), strconv.FormatInt(r.ID, 10), "--to", r.To, "--json"}, where...)
	if r.Take {
		args = append(args, "--take")
	}
	stdout, stderr, code := command(args...)
	var a answer
	switch {
	case code == exitOK && stderr == "":
		a.Result = new(writer.Result)
	case code == exitRefused && strings.HasPrefix(stderr, "tasker-sidecar: ") && strings.Count(stderr, "\n") == 1:
		a.Refusal = new(writer.Refusal)
	default:
		l.Fatalf("%d %s %s", code, stdout, stderr)
	}
	var into any = a.Result
	if a.Result == nil {
		into = a.Refusal
	}
	if err := json.Unmarshal([]byte(stdout), into); err != nil {
		l.Fatalf("%v: %s", err, stdout)
	}
	return a
}

// histories lead to each state, as the engine would get there.
var histories = map[string][]string{
	statemachine.None: nil, tasker.Pending: {"error", "pending"}, tasker.InProgress: {"in_progress"}, tasker.Complete: {"in_progress", "complete"},
	tasker.Error: {"in_progress", "error"}, tasker.Cancelled: {"cancelled"}, tasker.ResolvedManually: {"error", "resolved_manually"},
}

// Every pair of states of both machines and every first transition, with what
// guards ask about done and not done, by every way: all of them say the same, and
// leave the same rows, as the writer, whose own tests say what these have to be.
func TestEveryPairByEveryWay(t *testing.T) {
	l := newLab(t)
	l.follow()
	cases, made := 0, 0
	for _, kind := range statemachine.Kinds() {
		for _, from := range append([]string{statemachine.None}, statemachine.States()...) {
			for _, to := range statemachine.States() {
				for _, done := range []string{tasker.Complete, tasker.Error} {
					cases++
					if l.everyWay(kind, from, to, done) {
						made++
					}
					if t.Failed() {
						t.Fatalf("%s, from %q to %s, the other step %s", kind, from, to, done)
					}
				}
			}
		}
	}
	// Of 13 moves of steps 2 have a guard, of 14 of tasks 1.
	if cases != 2*84 || made != 2*13-2+2*14-1 {
		t.Errorf("%d cases, %d made", cases, made)
	}
}

func (l *lab) everyWay(kind statemachine.Kind, from, to, done string) (made bool) {
	var first answer
	var before, rows string
	for i, way := range ways {
		task, parent := l.steps(2)
		id, note := task, "SELECT coalesce(max(metadata #>> '{tasker_sidecar,by}'), '') FROM tasker_task_transitions WHERE task_id = $1"
		l.put(statemachine.Step, parent, histories[done]...)
		if kind == statemachine.Step {
			id, note = parent+1, "SELECT coalesce(max(metadata #>> '{tasker_sidecar,by}'), '') FROM tasker_workflow_step_transitions WHERE workflow_step_id = $1"
			l.exec(`INSERT INTO tasker_workflow_step_edges (from_step_id, to_step_id, name, created_at, updated_at) VALUES ($1, $2, 'provides', now(), now())`, parent, id)
		} else {
			l.put(statemachine.Step, parent+1, histories[tasker.ResolvedManually]...)
		}
		l.put(kind, id, histories[from]...)
		before = l.rows(task)
		said := way.ask(l, &writer.Request{Kind: kind, ID: id, To: to, Take: kind == statemachine.Step && to == tasker.InProgress})
		if said.Result != nil && said.Result.ID != id || said.Refusal != nil && said.Refusal.ID != id {
			l.Errorf("%s: it answers for another: %s", way.name, said.comparable())
		}
		if i == 0 {
			first, rows = said, l.rows(task)
			continue
		}
		if diff := cmp.Diff(first.comparable(), said.comparable()); diff != "" {
			l.Errorf("%s says something else:\n%s", way.name, diff)
		}
		if diff := cmp.Diff(rows, l.rows(task)); diff != "" {
			l.Errorf("%s leaves other rows:\n%s", way.name, diff)
		}
		var by string
		if err := l.pool.QueryRow(l.Context(), note, id).Scan(&by); err != nil {
			l.Fatal(err)
		}
		if want := way.by(l); said.Result != nil && by != want {
			l.Errorf("%s: by %q, want %q", way.name, by, want)
		}
	}
	if made = first.Result != nil; made == (before == rows) {
		l.Errorf("made: %v, and the rows have changed: %v", made, before != rows)
	}
	return made
}

// A step whose most recent transition is known is moved once, by whichever way the
// same key comes in.
func TestKeysHoldForEveryWay(t *testing.T) {
	l := newLab(t)
	l.follow()
	_, step := l.steps(1)
	l.put(statemachine.Step, step, "in_progress", "error")
	path := transitionsPath(statemachine.Step, step)
	var one, two api.TransitionAnswer
	if s := l.ask(http.MethodPost, path, `{"to": "pending", "reason": "r"}`, &one, api.HeaderKey, "k"); s != http.StatusOK || one.Repeated {
		t.Fatalf("%d %+v", s, one)
	}
	if s := l.ask(http.MethodPost, path, `{"reason": "r", "to": "pending"}`, &two, api.HeaderKey, "k"); s != http.StatusOK || !two.Repeated || two.TransitionID != one.TransitionID {
		t.Errorf("%d %+v", s, two)
	}
	id := fmt.Sprint(step)
	if out, stderr, code := command("transition", "step", id, "--to", "pending", "--reason", "r", "--key", "k", "--server", l.server); code != exitOK || !strings.Contains(out, "made earlier") {
		t.Errorf("%d %s%s", code, out, stderr)
	}
	if _, stderr, code := command("transition", "step", id, "--to", "pending", "--reason", "other", "--key", "k", "--server", l.server); code != exitRefused {
		t.Errorf("%d %s", code, stderr)
	}
	var refused api.Problem
	if s := l.ask(http.MethodPost, path, `{"to": "error"}`, &refused, api.HeaderKey, "k"); s != http.StatusUnprocessableEntity || refused.Type != api.ProblemKeyReused || refused.Refusal.TransitionID != one.TransitionID {
		t.Errorf("%d %+v", s, refused)
	}
	var n int
	if err := l.pool.QueryRow(t.Context(), `SELECT count(*) FROM tasker_workflow_step_transitions WHERE workflow_step_id = $1`, step).Scan(&n); err != nil || n != 3 {
		t.Errorf("%d transitions, %v", n, err)
	}
}
