-- get_task_execution_context for several tasks; one named twice is answered twice.
CREATE FUNCTION get_task_execution_contexts_batch(input_task_ids bigint[])
RETURNS TABLE (
    task_id               bigint,
    named_task_id         integer,
    status                text,
    total_steps           bigint,
    pending_steps         bigint,
    in_progress_steps     bigint,
    completed_steps       bigint,
    failed_steps          bigint,
    ready_steps           bigint,
    execution_status      text,
    recommended_action    text,
    completion_percentage numeric,
    health_status         text
)
LANGUAGE plpgsql STABLE
AS $function$
BEGIN
    RETURN QUERY
    WITH steps AS (
        SELECT * FROM get_step_readiness_status_batch(input_task_ids)
    ), counts AS (
        SELECT
            r.task_id,
            count(*) AS total,
            count(*) FILTER (WHERE r.current_state = 'pending') AS pending,
            count(*) FILTER (WHERE r.current_state = 'in_progress') AS in_progress,
            count(*) FILTER (WHERE r.current_state IN ('complete', 'resolved_manually')) AS completed,
            count(*) FILTER (WHERE r.current_state = 'error') AS failed,
            count(*) FILTER (WHERE r.current_state = 'error' AND r.attempts >= r.retry_limit) AS exhausted,
            count(*) FILTER (WHERE r.ready_for_execution) AS ready
        FROM steps r
        GROUP BY r.task_id
    )
    SELECT
        t.task_id,
        t.named_task_id,
        coalesce(latest.to_state, 'pending')::text,
        coalesce(c.total, 0), coalesce(c.pending, 0), coalesce(c.in_progress, 0), coalesce(c.completed, 0), coalesce(c.failed, 0), coalesce(c.ready, 0),
        CASE
            WHEN c.ready > 0 THEN 'has_ready_steps'
            WHEN c.in_progress > 0 THEN 'processing'
            WHEN c.exhausted > 0 THEN 'blocked_by_failures'
            WHEN c.total > 0 AND c.completed = c.total THEN 'all_complete'
            ELSE 'waiting_for_dependencies'
        END,
        CASE
            WHEN c.ready > 0 THEN 'execute_ready_steps'
            WHEN c.in_progress > 0 THEN 'wait_for_completion'
            WHEN c.exhausted > 0 THEN 'handle_failures'
            WHEN c.total > 0 AND c.completed = c.total THEN 'finalize_task'
            ELSE 'wait_for_dependencies'
        END,
        CASE WHEN c.total IS NULL THEN 0.0 ELSE round(100.0 * c.completed / c.total, 2) END,
        CASE
            WHEN coalesce(c.failed, 0) = 0 THEN 'healthy'
            WHEN c.exhausted > 0 AND c.ready = 0 THEN 'blocked'
            ELSE 'recovering'
        END
    FROM unnest(input_task_ids) AS asked (task_id)
    JOIN tasker_tasks t ON t.task_id = asked.task_id
    LEFT JOIN tasker_task_transitions latest ON latest.task_id = t.task_id AND latest.most_recent
    LEFT JOIN counts c ON c.task_id = t.task_id
    ORDER BY t.task_id;
END
$function$;
