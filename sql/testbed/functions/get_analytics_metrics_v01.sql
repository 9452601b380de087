-- Reads the last three joins' table once a join: that is what it costs its users.
CREATE FUNCTION get_analytics_metrics_v01(since_timestamp timestamp with time zone DEFAULT NULL)
RETURNS TABLE (
    active_tasks_count      bigint,
    total_namespaces_count  bigint,
    unique_task_types_count bigint,
    system_health_score     numeric,
    task_throughput         bigint,
    completion_count        bigint,
    error_count             bigint,
    completion_rate         numeric,
    error_rate              numeric,
    avg_task_duration       numeric,
    avg_step_duration       numeric,
    step_throughput         bigint,
    analysis_period_start   timestamp with time zone,
    calculated_at           timestamp with time zone
)
LANGUAGE plpgsql STABLE
AS $function$
DECLARE
    period_start timestamp with time zone := coalesce(since_timestamp, now() - interval '1 hour');
BEGIN
    RETURN QUERY
    SELECT
        active.tasks,
        namespaces.total,
        task_types.total,
        CASE WHEN health.complete + health.error = 0 THEN 1.0
            ELSE round(health.complete::numeric / (health.complete + health.error), 3) END,
        period.tasks,
        period.complete,
        period.error,
        CASE WHEN period.tasks = 0 THEN 0.0 ELSE round(100.0 * period.complete / period.tasks, 2) END,
        CASE WHEN period.tasks = 0 THEN 0.0 ELSE round(100.0 * period.error / period.tasks, 2) END,
        coalesce(round(period.task_seconds, 3), 0),
        coalesce(round(period.step_seconds, 3), 0),
        period.steps,
        period_start,
        now()
    FROM (
        SELECT count(DISTINCT t.task_id) AS tasks
        FROM tasker_tasks t
        JOIN tasker_workflow_steps s ON s.task_id = t.task_id
        JOIN tasker_workflow_step_transitions latest
            ON latest.workflow_step_id = s.workflow_step_id AND latest.most_recent
        WHERE latest.to_state NOT IN ('complete', 'error', 'skipped', 'resolved_manually')
    ) active
    CROSS JOIN (
        SELECT count(DISTINCT ns.name) AS total
        FROM tasker_tasks t
        JOIN tasker_named_tasks nt ON nt.named_task_id = t.named_task_id
        JOIN tasker_task_namespaces ns ON ns.task_namespace_id = nt.task_namespace_id
    ) namespaces
    CROSS JOIN (
        SELECT count(DISTINCT nt.name) AS total
        FROM tasker_tasks t
        JOIN tasker_named_tasks nt ON nt.named_task_id = t.named_task_id
    ) task_types
    CROSS JOIN (
        SELECT
            count(DISTINCT t.task_id) FILTER (WHERE latest.to_state = 'complete') AS complete,
            count(DISTINCT t.task_id) FILTER (WHERE latest.to_state = 'error') AS error
        FROM tasker_tasks t
        JOIN tasker_workflow_steps s ON s.task_id = t.task_id
        JOIN tasker_workflow_step_transitions latest
            ON latest.workflow_step_id = s.workflow_step_id AND latest.most_recent
        WHERE t.created_at > now() - interval '1 hour'
    ) health
    CROSS JOIN (
        SELECT
            count(DISTINCT t.task_id) AS tasks,
            count(DISTINCT t.task_id) FILTER (WHERE completed.id IS NOT NULL) AS complete,
            count(DISTINCT t.task_id) FILTER (WHERE failed.id IS NOT NULL) AS error,
            count(DISTINCT s.workflow_step_id) AS steps,
            avg(extract(epoch FROM latest.created_at - t.created_at)) FILTER (WHERE latest.to_state = 'complete') AS task_seconds,
            avg(extract(epoch FROM latest.created_at - s.created_at)) FILTER (WHERE latest.to_state = 'complete') AS step_seconds
        FROM tasker_tasks t
        LEFT JOIN tasker_workflow_steps s ON s.task_id = t.task_id
        LEFT JOIN tasker_workflow_step_transitions completed
            ON completed.workflow_step_id = s.workflow_step_id AND completed.most_recent AND completed.to_state = 'complete'
        LEFT JOIN tasker_workflow_step_transitions failed
            ON failed.workflow_step_id = s.workflow_step_id AND failed.most_recent AND failed.to_state = 'error'
        LEFT JOIN tasker_workflow_step_transitions latest
            ON latest.workflow_step_id = s.workflow_step_id AND latest.most_recent
        WHERE t.created_at > period_start
    ) period;
END
$function$;
