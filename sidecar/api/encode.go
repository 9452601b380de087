package api

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// The functions here append what encoding/json writes for the same values
// (without HTML escaping), without reflection and garbage.

func appendEnvelope(b []byte, e *Envelope) []byte {
	b = append(b, `"as_of_lsn":"`...)
	b = appendLSN(b, e.AsOfLSN)
	b = append(b, `","staleness_ms":`...)
	b = strconv.AppendInt(b, e.StalenessMS, 10)
	b = append(b, `,"stale":`...)
	b = strconv.AppendBool(b, e.Stale)
	if e.StaleCause != "" {
		b = append(b, `,"stale_cause":`...)
		b = appendString(b, e.StaleCause)
	}
	return b
}

// appendLSN writes the form of [tasker.LSN.String].
func appendLSN(b []byte, lsn tasker.LSN) []byte {
	b = appendUpperHex(b, uint32(lsn>>32)) //nolint:gosec // the halves are meant
	b = append(b, '/')
	return appendUpperHex(b, uint32(lsn)) //nolint:gosec // the halves are meant
}

func appendUpperHex(b []byte, v uint32) []byte {
	from := len(b)
	b = strconv.AppendUint(b, uint64(v), 16)
	for i := from; i < len(b); i++ {
		if b[i] >= 'a' {
			b[i] -= 'a' - 'A'
		}
	}
	return b
}

func appendStepReadiness(b []byte, r *tasker.StepReadiness) []byte {
	b = append(b, `"workflow_step_id":`...)
	b = strconv.AppendInt(b, r.WorkflowStepID, 10)
	b = append(b, `,"task_id":`...)
	b = strconv.AppendInt(b, r.TaskID, 10)
	b = append(b, `,"named_step_id":`...)
	b = strconv.AppendInt(b, int64(r.NamedStepID), 10)
	b = append(b, `,"name":`...)
	b = appendString(b, r.Name)
	b = append(b, `,"current_state":`...)
	b = appendString(b, r.CurrentState)
	b = append(b, `,"dependencies_satisfied":`...)
	b = strconv.AppendBool(b, r.DependenciesSatisfied)
	b = append(b, `,"retry_eligible":`...)
	b = strconv.AppendBool(b, r.RetryEligible)
	b = append(b, `,"ready_for_execution":`...)
	b = strconv.AppendBool(b, r.ReadyForExecution)
	b = append(b, `,"last_failure_at":`...)
	b = appendTimestamp(b, r.LastFailureAt)
	b = append(b, `,"next_retry_at":`...)
	b = appendTimestamp(b, r.NextRetryAt)
	b = append(b, `,"total_parents":`...)
	b = strconv.AppendInt(b, int64(r.TotalParents), 10)
	b = append(b, `,"completed_parents":`...)
	b = strconv.AppendInt(b, int64(r.CompletedParents), 10)
	b = append(b, `,"attempts":`...)
	b = appendNullInt32(b, r.Attempts)
	b = append(b, `,"retry_limit":`...)
	b = strconv.AppendInt(b, int64(r.RetryLimit), 10)
	b = append(b, `,"backoff_request_seconds":`...)
	b = appendNullInt32(b, r.BackoffRequestSeconds)
	b = append(b, `,"last_attempted_at":`...)
	return appendTimestamp(b, r.LastAttemptedAt)
}

func appendTaskExecutionContext(b []byte, c *tasker.TaskExecutionContext) []byte {
	b = append(b, `"task_id":`...)
	b = strconv.AppendInt(b, c.TaskID, 10)
	b = append(b, `,"named_task_id":`...)
	b = strconv.AppendInt(b, int64(c.NamedTaskID), 10)
	b = append(b, `,"status":`...)
	b = appendString(b, c.Status)
	b = append(b, `,"total_steps":`...)
	b = strconv.AppendInt(b, c.TotalSteps, 10)
	b = append(b, `,"pending_steps":`...)
	b = strconv.AppendInt(b, c.PendingSteps, 10)
	b = append(b, `,"in_progress_steps":`...)
	b = strconv.AppendInt(b, c.InProgressSteps, 10)
	b = append(b, `,"completed_steps":`...)
	b = strconv.AppendInt(b, c.CompletedSteps, 10)
	b = append(b, `,"failed_steps":`...)
	b = strconv.AppendInt(b, c.FailedSteps, 10)
	b = append(b, `,"ready_steps":`...)
	b = strconv.AppendInt(b, c.ReadySteps, 10)
	b = append(b, `,"execution_status":`...)
	b = appendString(b, c.ExecutionStatus)
	b = append(b, `,"recommended_action":`...)
	b = appendString(b, c.RecommendedAction)
	b = append(b, `,"completion_percentage":`...)
	b = append(b, c.CompletionPercentage.String()...)
	b = append(b, `,"health_status":`...)
	return appendString(b, c.HealthStatus)
}

func appendNullInt32(b []byte, n tasker.Null[int32]) []byte {
	if !n.Valid {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, int64(n.V), 10)
}

// appendTimestamp writes the form of [tasker.Timestamp.MarshalJSON].
func appendTimestamp(b []byte, t tasker.Timestamp) []byte {
	if t == tasker.NoTime {
		return append(b, "null"...)
	}
	b = append(b, '"')
	if !t.Finite() {
		b = append(b, t.String()...)
	} else {
		b = time.UnixMicro(int64(t)).UTC().AppendFormat(b, "2006-01-02T15:04:05.999999Z")
	}
	return append(b, '"')
}

// appendString writes a JSON string. Names and states are plain nearly always;
// what is not is left to encoding/json.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf || c == 0x7f {
			return appendUnusualString(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendUnusualString(b []byte, s string) []byte {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil { // a string always encodes
		return append(b, `""`...)
	}
	return append(b, bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))...)
}
