-- The rows of the steps of a range of tasks: from $1 to $2.
SELECT
    r.workflow_step_id, r.task_id, r.retry_at AT TIME ZONE 'UTC', r.ready_at AT TIME ZONE 'UTC', r.last_failure_at, r.next_retry_at, r.last_attempted_at, r.failure_until,
    r.state_since, r.processed_at, r.created_at, r.named_step_id, r.total_parents, r.completed_parents, r.attempts, r.retry_limit,
    r.backoff_request_seconds, r.dependencies_satisfied, r.retryable, r.in_process, r.processed, r.current_state, r.name
FROM tasker_sidecar.step_rows r
WHERE r.task_id >= $1 AND r.task_id <= $2
ORDER BY r.workflow_step_id
