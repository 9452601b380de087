package api

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"pgregory.net/rapid"
)

var (
	anyText = rapid.OneOf(rapid.StringMatching(`[a-z_]{0,12}`), rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.SampledFrom([]string{"\u2028", "a\"b\\c", "<b>&</b>", "\x7f", "\x00\x1f", "é", "\xff"}))
	anyTime = rapid.OneOf(rapid.Int64Range(-62135596800e6, 253402300799999999), // years 1 to 9999
		rapid.Int64(), rapid.SampledFrom([]int64{int64(tasker.NoTime), int64(tasker.Infinity), int64(tasker.NegativeInfinity), 0, 1, 1e6, -1}))
	anyNull32 = rapid.Custom(func(t *rapid.T) tasker.Null[int32] {
		if rapid.Bool().Draw(t, "valid") {
			return tasker.Some(rapid.Int32().Draw(t, "value"))
		}
		return tasker.Null[int32]{}
	})
	anyStep = rapid.Custom(func(t *rapid.T) tasker.StepReadiness {
		stamp := func(name string) tasker.Timestamp { return tasker.Timestamp(anyTime.Draw(t, name)) }
		return tasker.StepReadiness{
			WorkflowStepID: rapid.Int64().Draw(t, "step"), TaskID: rapid.Int64().Draw(t, "task"), NamedStepID: rapid.Int32().Draw(t, "named step"),
			Name: anyText.Draw(t, "name"), CurrentState: anyText.Draw(t, "state"),
			DependenciesSatisfied: rapid.Bool().Draw(t, "dependencies"), RetryEligible: rapid.Bool().Draw(t, "eligible"), ReadyForExecution: rapid.Bool().Draw(t, "ready"),
			LastFailureAt: stamp("failure"), NextRetryAt: stamp("retry"), TotalParents: rapid.Int32().Draw(t, "parents"), CompletedParents: rapid.Int32().Draw(t, "completed"),
			Attempts: anyNull32.Draw(t, "attempts"), RetryLimit: rapid.Int32().Draw(t, "limit"), BackoffRequestSeconds: anyNull32.Draw(t, "backoff"), LastAttemptedAt: stamp("attempted"),
		}
	})
	anyContext = rapid.Custom(func(t *rapid.T) tasker.TaskExecutionContext {
		count := func(name string) int64 { return rapid.Int64().Draw(t, name) }
		return tasker.TaskExecutionContext{
			TaskID: count("task"), NamedTaskID: rapid.Int32().Draw(t, "named task"), Status: anyText.Draw(t, "status"),
			TotalSteps: count("total"), PendingSteps: count("pending"), InProgressSteps: count("in progress"), CompletedSteps: count("completed"), FailedSteps: count("failed"), ReadySteps: count("ready"),
			ExecutionStatus: anyText.Draw(t, "execution status"), RecommendedAction: anyText.Draw(t, "action"),
			CompletionPercentage: tasker.Decimal{Unscaled: rapid.Int64Range(-math.MaxInt64, math.MaxInt64).Draw(t, "percentage"), Scale: rapid.Uint8Range(0, 18).Draw(t, "scale")},
			HealthStatus:         anyText.Draw(t, "health"),
		}
	})
	anyEnvelope = rapid.Custom(func(t *rapid.T) Envelope {
		return Envelope{tasker.LSN(rapid.Uint64().Draw(t, "lsn")), rapid.Int64().Draw(t, "staleness"), rapid.Bool().Draw(t, "stale"), anyText.Draw(t, "cause")}
	})
)

func marshal(t *rapid.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func same(t *rapid.T, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Fatalf("by hand:       %s\nencoding/json: %s", got, want)
	}
}

// The answers that are written by hand are, byte for byte, what encoding/json
// makes of the types that describe them.
func TestEncoderEqualsEncodingJSON(t *testing.T) {
	t.Run("steps", rapid.MakeCheck(func(t *rapid.T) {
		rows, e, task := rapid.SliceOfN(anyStep, 0, 3).Draw(t, "rows"), anyEnvelope.Draw(t, "envelope"), rapid.Int64().Draw(t, "id")
		answer := StepsAnswer{Envelope: e, TaskID: task, Steps: []StepRow{}}
		for i := range rows {
			answer.Steps = append(answer.Steps, StepRow{StepReadiness: rows[i]})
		}
		same(t, appendStepsAnswer(nil, &e, task, rows), marshal(t, answer))
	}))
	t.Run("context", rapid.MakeCheck(func(t *rapid.T) {
		row, e := anyContext.Draw(t, "row"), anyEnvelope.Draw(t, "envelope")
		same(t, appendContextAnswer(nil, &e, &row), marshal(t, ContextAnswer{e, ContextRow{TaskExecutionContext: row}}))
	}))
	t.Run("contexts", rapid.MakeCheck(func(t *rapid.T) {
		rows, e := rapid.SliceOfN(anyContext, 0, 3).Draw(t, "rows"), anyEnvelope.Draw(t, "envelope")
		answer := ContextsAnswer{e, []ContextRow{}}
		for i := range rows {
			answer.Contexts = append(answer.Contexts, ContextRow{TaskExecutionContext: rows[i]})
		}
		same(t, appendContextsAnswer(nil, &e, rows), marshal(t, answer))
	}))
}
