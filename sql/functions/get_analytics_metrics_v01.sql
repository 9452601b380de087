-- The period's steps and their states are read once instead of three times, and
-- names in use are found from the few named tasks instead of from all tasks.
--
-- Durations are averaged where all three times are finite: the difference of
-- infinite ones is an error in some versions of Postgres, and infinity in others.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_analytics_metrics_v01(since_timestamp timestamp with time zone DEFAULT NULL)
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
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
DECLARE
    period_start timestamp with time zone := coalesce(since_timestamp, pg_catalog.now() OPERATOR(pg_catalog.-) interval '1 hour');
    since        timestamp without time zone := period_start AT TIME ZONE 'UTC';
    last_hour    timestamp without time zone := (pg_catalog.now() OPERATOR(pg_catalog.-) interval '1 hour') AT TIME ZONE 'UTC';
BEGIN
    RETURN QUERY
    SELECT
        active.tasks,
        in_use.namespaces,
        in_use.task_types,
        CASE
            WHEN (health.complete OPERATOR(pg_catalog.+) health.error) OPERATOR(pg_catalog.=) 0 THEN 1.0
            ELSE pg_catalog.round(health.complete::numeric OPERATOR(pg_catalog./) (health.complete OPERATOR(pg_catalog.+) health.error), 3)
        END,
        period.tasks,
        period.complete,
        period.error,
        CASE
            WHEN period.tasks OPERATOR(pg_catalog.=) 0 THEN 0.0
            ELSE pg_catalog.round((100.0 OPERATOR(pg_catalog.*) period.complete) OPERATOR(pg_catalog./) period.tasks, 2)
        END,
        CASE
            WHEN period.tasks OPERATOR(pg_catalog.=) 0 THEN 0.0
            ELSE pg_catalog.round((100.0 OPERATOR(pg_catalog.*) period.error) OPERATOR(pg_catalog./) period.tasks, 2)
        END,
        coalesce(pg_catalog.round(period.task_seconds, 3), 0),
        coalesce(pg_catalog.round(period.step_seconds, 3), 0),
        period.steps,
        period_start,
        pg_catalog.now()
    FROM (
        SELECT pg_catalog.count(DISTINCT t.task_id) AS tasks
        FROM @engine@.tasker_tasks t
        JOIN @engine@.tasker_workflow_steps s
            ON s.task_id OPERATOR(pg_catalog.=) t.task_id
        JOIN @engine@.tasker_workflow_step_transitions latest
            ON latest.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
            AND latest.most_recent
        WHERE latest.to_state OPERATOR(pg_catalog.<>) ALL ('{complete,error,skipped,resolved_manually}'::pg_catalog.text[])
    ) active
    CROSS JOIN (
        SELECT
            pg_catalog.count(DISTINCT ns.name) AS namespaces,
            pg_catalog.count(DISTINCT nt.name) AS task_types
        FROM @engine@.tasker_named_tasks nt
        LEFT JOIN @engine@.tasker_task_namespaces ns
            ON ns.task_namespace_id OPERATOR(pg_catalog.=) nt.task_namespace_id
        WHERE (
            SELECT true
            FROM @engine@.tasker_tasks t
            WHERE t.named_task_id OPERATOR(pg_catalog.=) nt.named_task_id
            LIMIT 1
        )
    ) in_use
    CROSS JOIN (
        SELECT
            pg_catalog.count(DISTINCT t.task_id) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'complete') AS complete,
            pg_catalog.count(DISTINCT t.task_id) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'error') AS error
        FROM @engine@.tasker_tasks t
        JOIN @engine@.tasker_workflow_steps s
            ON s.task_id OPERATOR(pg_catalog.=) t.task_id
        JOIN @engine@.tasker_workflow_step_transitions latest
            ON latest.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
            AND latest.most_recent
        WHERE t.created_at OPERATOR(pg_catalog.>) last_hour
    ) health
    CROSS JOIN (
        SELECT
            pg_catalog.count(DISTINCT f.task_id) AS tasks,
            pg_catalog.count(DISTINCT f.task_id) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'complete') AS complete,
            pg_catalog.count(DISTINCT f.task_id) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'error') AS error,
            pg_catalog.count(f.workflow_step_id) AS steps,
            pg_catalog.avg(CASE WHEN f.timed THEN extract(epoch FROM f.completed_at OPERATOR(pg_catalog.-) f.task_created_at) END) AS task_seconds,
            pg_catalog.avg(CASE WHEN f.timed THEN extract(epoch FROM f.completed_at OPERATOR(pg_catalog.-) f.step_created_at) END) AS step_seconds
        FROM (
            SELECT
                t.task_id,
                s.workflow_step_id,
                latest.to_state,
                latest.created_at AS completed_at,
                t.created_at AS task_created_at,
                s.created_at AS step_created_at,
                latest.to_state OPERATOR(pg_catalog.=) 'complete'
                    AND pg_catalog.isfinite(latest.created_at)
                    AND pg_catalog.isfinite(t.created_at)
                    AND pg_catalog.isfinite(s.created_at) AS timed
            FROM @engine@.tasker_tasks t
            LEFT JOIN @engine@.tasker_workflow_steps s
                ON s.task_id OPERATOR(pg_catalog.=) t.task_id
            LEFT JOIN @engine@.tasker_workflow_step_transitions latest
                ON latest.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
                AND latest.most_recent
            WHERE t.created_at OPERATOR(pg_catalog.>) since
        ) f
    ) period;
END
$function$;
