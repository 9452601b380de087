package follow_test

import (
	"context"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/verify"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// TestDifferentialUnderLoad: workers write as the engine does, and the index is
// compared with the functions all the while.
func TestDifferentialUnderLoad(t *testing.T) {
	address := followtest.Database(t, testbed.Options{})
	asking := followtest.Connect(t, address)
	f := followtest.Start(t, address, nil)
	options := busy(3)
	options.Workers, options.Rate = 4, 0
	stop := play(t, address, options)
	v := verify.New(asking, f, verify.Options{Schema: "public", BatchTasks: 50, MaxTasks: 300})
	total := &verify.Report{}
	ctx, cancel := context.WithTimeout(t.Context(), differentialTime(t))
	defer cancel()
	for verify.Pause(ctx, 20*time.Millisecond) == nil && total.DifferenceCount == 0 {
		report, err := v.Pass(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		total.Merge(report, 100)
	}
	counters := stop()
	for _, d := range total.Differences {
		t.Error(d)
	}
	t.Logf("%d tasks compared, %d undecided; %+v", total.Compared, total.Undecided, counters)
	if total.Compared < 100 || counters.Commits < 200 || counters.StepsFailed == 0 || counters.StepsCompleted == 0 || len(total.Failing) != 0 {
		t.Errorf("too little was compared, or done: %+v; %+v", total, counters)
	}
	same(t, f, address)
}
