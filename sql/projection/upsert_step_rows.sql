-- Puts rows of steps in place: $1 … are columns, one array each.
INSERT INTO tasker_sidecar.step_rows AS r (
    workflow_step_id, task_id, retry_at, ready_at, last_failure_at, next_retry_at, last_attempted_at, failure_until, state_since,
    processed_at, created_at, named_step_id, total_parents, completed_parents, attempts, retry_limit, backoff_request_seconds,
    dependencies_satisfied, retryable, in_process, processed, current_state, name
)
SELECT * FROM unnest(
    $1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::timestamp[], $6::timestamp[], $7::timestamp[], $8::timestamp[],
    $9::timestamp[], $10::timestamp[], $11::timestamp[], $12::integer[], $13::integer[], $14::integer[], $15::integer[], $16::integer[],
    $17::integer[], $18::boolean[], $19::boolean[], $20::boolean[], $21::boolean[], $22::text[], $23::text[]
)
ON CONFLICT (workflow_step_id) DO UPDATE SET
    task_id = excluded.task_id,
    retry_at = excluded.retry_at,
    ready_at = excluded.ready_at,
    last_failure_at = excluded.last_failure_at,
    next_retry_at = excluded.next_retry_at,
    last_attempted_at = excluded.last_attempted_at,
    failure_until = excluded.failure_until,
    state_since = excluded.state_since,
    processed_at = excluded.processed_at,
    created_at = excluded.created_at,
    named_step_id = excluded.named_step_id,
    total_parents = excluded.total_parents,
    completed_parents = excluded.completed_parents,
    attempts = excluded.attempts,
    retry_limit = excluded.retry_limit,
    backoff_request_seconds = excluded.backoff_request_seconds,
    dependencies_satisfied = excluded.dependencies_satisfied,
    retryable = excluded.retryable,
    in_process = excluded.in_process,
    processed = excluded.processed,
    current_state = excluded.current_state,
    name = excluded.name
