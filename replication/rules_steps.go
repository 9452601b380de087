package replication

import (
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// rulesKind is a kind of steps about which the two versions of the rules
// differ, or, the last one, about which they agree.
type rulesKind struct {
	name   string
	differ bool
	// sql finds at most $1 ids of them. None sorts, so that the first ones an
	// index gives will do.
	sql string
}

// rulesKinds are all of them. A step with a failure after 44 attempts or more
// is left out: the originals raise an error there.
var rulesKinds = []rulesKind{
	{"attempts unknown", true, `
SELECT s.workflow_step_id FROM tasker_workflow_steps s
WHERE s.attempts IS NULL
LIMIT $1`},
	{"not retryable after an attempt", true, `
SELECT s.workflow_step_id FROM tasker_workflow_steps s
WHERE s.attempts BETWEEN 1 AND 43 AND NOT s.retryable AND s.attempts < coalesce(s.retry_limit, 3)
LIMIT $1`},
	{"in a backoff that was asked for", true, `
SELECT s.workflow_step_id FROM tasker_workflow_steps s
JOIN tasker_workflow_step_transitions latest
    ON latest.workflow_step_id = s.workflow_step_id AND latest.most_recent AND latest.to_state = 'error'
WHERE s.backoff_request_seconds IS NOT NULL
    AND s.last_attempted_at + s.backoff_request_seconds * interval '1 second' > localtimestamp
    AND coalesce(s.attempts, 0) < least(coalesce(s.retry_limit, 3), 44)
LIMIT $1`},
	{"in the backoff after a failure", true, `
SELECT s.workflow_step_id FROM tasker_workflow_steps s
JOIN tasker_workflow_step_transitions latest
    ON latest.workflow_step_id = s.workflow_step_id AND latest.most_recent AND latest.to_state = 'error'
WHERE latest.created_at > localtimestamp - interval '30 seconds'
    AND latest.created_at + least(power(2, least(coalesce(s.attempts, 1), 5)), 30) * interval '1 second' > localtimestamp
    AND (s.backoff_request_seconds IS NULL OR s.last_attempted_at IS NULL)
    AND coalesce(s.attempts, 0) < least(coalesce(s.retry_limit, 3), 44)
LIMIT $1`},
	{"any", false, `
SELECT s.workflow_step_id FROM tasker_workflow_steps s
WHERE coalesce(s.attempts, 0) < 44
LIMIT $1`},
}

// RulesDiffer is whether the two versions of the rules answer differently about
// a step, so that asking the installed function about it tells which one it
// follows. state and since are of its most recent transition, empty and NULL
// where there is none; now is the time of asking. It is what the database is
// searched for, for those that see steps come by.
func RulesDiffer(s *tasker.WorkflowStep, state string, since, now tasker.Timestamp) bool {
	attempts, limit := s.Attempts.Or(0), s.RetryLimit.Or(tasker.DefaultRetryLimit)
	switch {
	case !s.Attempts.Valid:
		return true
	case attempts >= limit || attempts >= 44:
		return false
	case attempts > 0 && !s.Retryable:
		return true
	case state != tasker.Error || !since.Valid():
		return false
	case s.BackoffRequestSeconds.Valid && s.LastAttemptedAt.Valid():
		return s.LastAttemptedAt.AddSeconds(int64(s.BackoffRequestSeconds.V)) > now
	}
	// 2^attempts seconds, of which only whole ones are of any use here.
	wait := int64(tasker.MaxFailureBackoffSeconds)
	if attempts < 5 {
		wait = 1 << max(attempts, 0)
	}
	return since.Add(time.Duration(wait)*time.Second) > now
}
