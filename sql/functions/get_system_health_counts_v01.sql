-- Over all tasks and steps. A task or step without any transition is in no
-- count but the total; a transition without its step, which takes foreign keys
-- switched off, is in none. The connections are asked for now.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_system_health_counts_v01()
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
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
BEGIN
    RETURN QUERY
    SELECT
        of_tasks.total,
        of_tasks.pending,
        of_tasks.in_progress,
        of_tasks.complete,
        of_tasks.error,
        of_tasks.cancelled,
        of_steps.total,
        of_steps.pending,
        of_steps.in_progress,
        of_steps.complete,
        of_steps.error,
        of_steps.retryable,
        of_steps.exhausted,
        of_steps.in_backoff,
        (
            SELECT pg_catalog.count(*)
            FROM pg_catalog.pg_stat_activity a
            WHERE a.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
                AND a.state OPERATOR(pg_catalog.=) 'active'
        ),
        pg_catalog.current_setting('max_connections')::bigint
    FROM (
        SELECT
            pg_catalog.count(*) AS total,
            pg_catalog.count(*) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'pending') AS pending,
            pg_catalog.count(*) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'in_progress') AS in_progress,
            pg_catalog.count(*) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'complete') AS complete,
            pg_catalog.count(*) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'error') AS error,
            pg_catalog.count(*) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'cancelled') AS cancelled
        FROM @engine@.tasker_tasks t
        LEFT JOIN @engine@.tasker_task_transitions latest
            ON latest.task_id OPERATOR(pg_catalog.=) t.task_id
            AND latest.most_recent
    ) of_tasks
    CROSS JOIN (
        SELECT
            pg_catalog.count(*) AS total,
            pg_catalog.count(*) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'pending') AS pending,
            pg_catalog.count(*) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'in_progress') AS in_progress,
            pg_catalog.count(*) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'complete') AS complete,
            pg_catalog.count(*) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'error') AS error,
            pg_catalog.count(*) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'error' AND f.attempts OPERATOR(pg_catalog.<) f.retry_limit AND f.retryable) AS retryable,
            pg_catalog.count(*) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'error' AND f.attempts OPERATOR(pg_catalog.>=) f.retry_limit) AS exhausted,
            pg_catalog.count(*) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'error' AND f.attempts OPERATOR(pg_catalog.<) f.retry_limit AND f.retryable AND f.last_attempted_at IS NOT NULL) AS in_backoff
        FROM (
            SELECT s.attempts, s.retry_limit, s.retryable, s.last_attempted_at, latest.to_state
            FROM @engine@.tasker_workflow_steps s
            LEFT JOIN @engine@.tasker_workflow_step_transitions latest
                ON latest.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
                AND latest.most_recent
        ) f
    ) of_steps;
END
$function$;
