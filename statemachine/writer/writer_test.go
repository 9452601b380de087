package writer_test

import (
	"errors"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	. "github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func TestSmoke(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(2, 3)
	r, err := l.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 2, To: tasker.Cancelled, Reason: "because", Key: "k"})
	t.Logf("%+v %v", r, err)
	r, err = l.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 2, To: tasker.Cancelled, Reason: "because", Key: "k"})
	t.Logf("%+v %v", r, err)
	r, err = l.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 2, To: tasker.Pending})
	t.Logf("%+v %v", r, err)
	if !errors.Is(err, NotAllowed) {
		t.Error(err)
	}
	r, err = l.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 3, To: tasker.Error})
	t.Logf("%+v %v", r, err)
	h, err := l.History(t.Context(), statemachine.Step, 2)
	t.Logf("%+v %v", h, err)
	state, p, err := l.Possible(t.Context(), statemachine.Task, 1)
	t.Logf("%s %+v %v", state, p, err)
	o, err := l.Batch(t.Context(), []Request{{Kind: statemachine.Step, ID: 1, To: tasker.InProgress, Take: true}, {Kind: statemachine.Task, ID: 1, To: tasker.InProgress}, {Kind: statemachine.Task, ID: 77, To: tasker.InProgress}}, BatchOptions{})
	t.Logf("%+v %v", o, err)
	t.Logf("%+v", l.Counters())
}
