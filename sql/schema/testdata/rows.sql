-- Fills the row tables from the engine's tables and functions, which are found
-- by search_path: what a sidecar would have written. @rules@ is v01 or v02.

INSERT INTO tasker_sidecar.step_rows (
    workflow_step_id, task_id, named_step_id, name, current_state, dependencies_satisfied, retry_at, ready_at,
    last_failure_at, next_retry_at, total_parents, completed_parents, attempts, retry_limit, backoff_request_seconds, last_attempted_at,
    failure_until, state_since, processed_at, created_at, retryable, in_process, processed)
SELECT
    r.workflow_step_id, r.task_id, r.named_step_id, r.name, r.current_state, r.dependencies_satisfied,
    (CASE
        WHEN '@rules@' = 'v02' AND r.attempts < r.retry_limit THEN '-infinity'
        WHEN '@rules@' = 'v02' THEN NULL
        WHEN r.attempts >= r.retry_limit OR r.attempts > 0 AND NOT s.retryable THEN NULL
        WHEN r.last_failure_at IS NULL THEN '-infinity'
        ELSE r.next_retry_at
    END) AT TIME ZONE 'UTC',
    (CASE
        WHEN r.current_state IN ('pending', 'error') AND r.dependencies_satisfied AND coalesce(r.attempts < r.retry_limit, false)
            AND s.retryable AND NOT s.in_process AND NOT s.processed
        THEN coalesce(greatest(s.last_attempted_at + s.backoff_request_seconds * interval '1 second', f.failure_until), '-infinity')
    END) AT TIME ZONE 'UTC',
    r.last_failure_at, r.next_retry_at, r.total_parents, r.completed_parents, r.attempts, r.retry_limit, r.backoff_request_seconds, r.last_attempted_at,
    f.failure_until, t.created_at, s.processed_at, s.created_at, s.retryable, s.in_process, s.processed
FROM tasker_tasks
CROSS JOIN LATERAL get_step_readiness_status(tasker_tasks.task_id) r
JOIN tasker_workflow_steps s ON s.workflow_step_id = r.workflow_step_id
LEFT JOIN tasker_workflow_step_transitions t ON t.workflow_step_id = r.workflow_step_id AND t.most_recent
CROSS JOIN LATERAL (
    SELECT r.last_failure_at + least(power(2, coalesce(s.attempts, 1)) * interval '1 second', interval '30 seconds') AS failure_until
) f;

INSERT INTO tasker_sidecar.task_rows (
    task_id, named_task_id, status, total_steps, pending_steps, in_progress_steps, completed_steps, failed_steps, exhausted_steps,
    ready_ungated, ready_gates)
SELECT
    c.task_id, c.named_task_id, c.status, c.total_steps, c.pending_steps, c.in_progress_steps, c.completed_steps, c.failed_steps,
    (SELECT count(*) FROM tasker_sidecar.step_rows s WHERE s.task_id = c.task_id AND s.current_state = 'error' AND s.attempts >= s.retry_limit),
    (SELECT count(*) FROM tasker_sidecar.step_rows s WHERE s.task_id = c.task_id AND s.ready_at = '-infinity'),
    (SELECT array_agg(s.ready_at ORDER BY s.ready_at) FROM tasker_sidecar.step_rows s WHERE s.task_id = c.task_id AND s.ready_at > '-infinity')
FROM tasker_tasks
CROSS JOIN LATERAL get_task_execution_context(tasker_tasks.task_id) c;

INSERT INTO tasker_sidecar.dag_rows (
    workflow_step_id, task_id, named_step_id, parent_step_ids, child_step_ids, parent_count, child_count, is_root_step, is_leaf_step,
    min_depth_from_root, dependency_level)
SELECT
    d.workflow_step_id, d.task_id, d.named_step_id, d.parent_step_ids, d.child_step_ids, d.parent_count, d.child_count, d.is_root_step, d.is_leaf_step,
    d.min_depth_from_root, NULL
FROM tasker_step_dag_relationships d;

INSERT INTO tasker_sidecar.candidate_rows (
    workflow_step_id, task_id, ready_since, attempts, current_state, name, task_name, task_version, namespace_name)
SELECT
    s.workflow_step_id, s.task_id, greatest(s.ready_at AT TIME ZONE 'UTC', least(greatest(s.state_since, s.created_at), now() AT TIME ZONE 'UTC')),
    s.attempts, s.current_state, s.name, n.name, n.version, ns.name
FROM tasker_sidecar.step_rows s
JOIN tasker_tasks t ON t.task_id = s.task_id
LEFT JOIN tasker_named_tasks n ON n.named_task_id = t.named_task_id
LEFT JOIN tasker_task_namespaces ns ON ns.task_namespace_id = n.task_namespace_id
WHERE s.ready_at IS NOT NULL;

INSERT INTO tasker_sidecar.flushes (
    flush, epoch, system_identifier, timeline, database, applied_lsn, as_of, reconciling, rules,
    total_tasks, pending_tasks, in_progress_tasks, complete_tasks, error_tasks, cancelled_tasks,
    total_steps, pending_steps, in_progress_steps, complete_steps, error_steps, retryable_error_steps, exhausted_retry_steps, in_backoff_steps)
SELECT
    1, 0, (SELECT system_identifier FROM pg_control_system()), (SELECT timeline_id FROM pg_control_checkpoint()),
    (SELECT oid FROM pg_database WHERE datname = current_database()), pg_current_wal_insert_lsn(), clock_timestamp(), false, '@rules@',
    h.total_tasks, h.pending_tasks, h.in_progress_tasks, h.complete_tasks, h.error_tasks, h.cancelled_tasks,
    h.total_steps, h.pending_steps, h.in_progress_steps, h.complete_steps, h.error_steps, h.retryable_error_steps, h.exhausted_retry_steps, h.in_backoff_steps
FROM get_system_health_counts_v01() h;
