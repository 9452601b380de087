-- A task or step without any transition is in no count but the total.
CREATE FUNCTION get_system_health_counts_v01()
RETURNS TABLE (
    total_tasks           bigint,
    pending_tasks         bigint,
    in_progress_tasks     bigint,
    complete_tasks        bigint,
    error_tasks           bigint,
    cancelled_tasks       bigint,
    total_steps           bigint,
    pending_steps         bigint,
    in_progress_steps     bigint,
    complete_steps        bigint,
    error_steps           bigint,
    retryable_error_steps bigint,
    exhausted_retry_steps bigint,
    in_backoff_steps      bigint,
    active_connections    bigint,
    max_connections       bigint
)
LANGUAGE plpgsql STABLE
AS $function$
BEGIN
    RETURN QUERY
    SELECT
        of_tasks.total, of_tasks.pending, of_tasks.in_progress, of_tasks.complete, of_tasks.error, of_tasks.cancelled,
        of_steps.total, of_steps.pending, of_steps.in_progress, of_steps.complete, of_steps.error,
        of_steps.retryable, of_steps.exhausted, of_steps.in_backoff,
        (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = current_database() AND a.state = 'active'),
        current_setting('max_connections')::bigint
    FROM (
        SELECT
            count(*) AS total,
            count(*) FILTER (WHERE latest.to_state = 'pending') AS pending,
            count(*) FILTER (WHERE latest.to_state = 'in_progress') AS in_progress,
            count(*) FILTER (WHERE latest.to_state = 'complete') AS complete,
            count(*) FILTER (WHERE latest.to_state = 'error') AS error,
            count(*) FILTER (WHERE latest.to_state = 'cancelled') AS cancelled
        FROM tasker_tasks t
        LEFT JOIN tasker_task_transitions latest ON latest.task_id = t.task_id AND latest.most_recent
    ) of_tasks
    CROSS JOIN (
        SELECT
            count(*) AS total,
            count(*) FILTER (WHERE latest.to_state = 'pending') AS pending,
            count(*) FILTER (WHERE latest.to_state = 'in_progress') AS in_progress,
            count(*) FILTER (WHERE latest.to_state = 'complete') AS complete,
            count(*) FILTER (WHERE latest.to_state = 'error') AS error,
            count(*) FILTER (WHERE latest.to_state = 'error' AND s.attempts < s.retry_limit AND s.retryable) AS retryable,
            count(*) FILTER (WHERE latest.to_state = 'error' AND s.attempts >= s.retry_limit) AS exhausted,
            count(*) FILTER (WHERE latest.to_state = 'error' AND s.attempts < s.retry_limit AND s.retryable AND s.last_attempted_at IS NOT NULL) AS in_backoff
        FROM tasker_workflow_steps s
        LEFT JOIN tasker_workflow_step_transitions latest ON latest.workflow_step_id = s.workflow_step_id AND latest.most_recent
    ) of_steps;
END
$function$;
