package writer_test

import (
	"context"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	. "github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// An index that has applied the log up to a result's position knows the transition,
// also when the request was only repeated; and on an idle server it gets there
// without anything else being written.
func TestIndexReachesThePosition(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 200)
	f := followtest.Start(t, l.pool.Config().ConnString(), nil)
	var longest time.Duration
	for id := range int64(200) {
		r := Request{Kind: statemachine.Step, ID: id + 1, To: tasker.Cancelled, Key: "k"}
		result := l.made(t, r)
		if id%10 == 0 {
			result = l.made(t, r)
		}
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), followtest.Patience)
		if err := f.WaitFor(ctx, result.LSN); err != nil {
			t.Fatalf("%+v: %v", result, err)
		}
		cancel()
		longest = max(longest, time.Since(begun))
		if s, ok := f.View().Step(id+1, f.Now()); !ok || s.CurrentState != tasker.Cancelled {
			t.Fatalf("%+v, and the index has %+v", result, s)
		}
	}
	t.Logf("waited for at most %v", longest)
}
