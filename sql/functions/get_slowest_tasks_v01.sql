-- Tasks with a step that is complete or in error by how long they took up to
-- the latest of those, longest first. A NULL limit is none, and a negative one is
-- the error that it is in any query. Where a time is infinite the duration is 0.
--
-- Steps are counted before names are joined, in one group a task.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_slowest_tasks_v01(
    since_timestamp  timestamp with time zone DEFAULT NULL,
    limit_count      integer DEFAULT 10,
    namespace_filter pg_catalog.text DEFAULT NULL,
    task_name_filter pg_catalog.text DEFAULT NULL,
    version_filter   pg_catalog.text DEFAULT NULL
)
RETURNS TABLE (
    task_id          bigint,
    task_name        character varying,
    namespace_name   character varying,
    version          character varying,
    duration_seconds numeric,
    step_count       bigint,
    completed_steps  bigint,
    error_steps      bigint,
    created_at       timestamp with time zone,
    completed_at     timestamp with time zone,
    initiator        character varying,
    source_system    character varying
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
DECLARE
    since timestamp without time zone := coalesce(since_timestamp, pg_catalog.now() OPERATOR(pg_catalog.-) interval '24 hours') AT TIME ZONE 'UTC';
BEGIN
    RETURN QUERY
    SELECT
        c.task_id,
        nt.name,
        ns.name,
        nt.version,
        took.seconds,
        c.steps,
        c.complete,
        c.error,
        c.created_at AT TIME ZONE 'UTC',
        c.completed_at AT TIME ZONE 'UTC',
        c.initiator,
        c.source_system
    FROM (
        SELECT
            t.task_id,
            t.named_task_id,
            t.created_at,
            t.initiator,
            t.source_system,
            pg_catalog.count(*) AS steps,
            pg_catalog.count(*) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'complete') AS complete,
            pg_catalog.count(*) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'error') AS error,
            pg_catalog.max(latest.created_at) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) ANY ('{complete,error}'::pg_catalog.text[])) AS completed_at
        FROM @engine@.tasker_tasks t
        JOIN @engine@.tasker_workflow_steps s
            ON s.task_id OPERATOR(pg_catalog.=) t.task_id
        LEFT JOIN @engine@.tasker_workflow_step_transitions latest
            ON latest.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
            AND latest.most_recent
        WHERE t.created_at OPERATOR(pg_catalog.>) since
        GROUP BY t.task_id
    ) c
    JOIN @engine@.tasker_named_tasks nt
        ON nt.named_task_id OPERATOR(pg_catalog.=) c.named_task_id
    JOIN @engine@.tasker_task_namespaces ns
        ON ns.task_namespace_id OPERATOR(pg_catalog.=) nt.task_namespace_id
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN pg_catalog.isfinite(c.created_at) AND pg_catalog.isfinite(c.completed_at)
                THEN pg_catalog.round(extract(epoch FROM c.completed_at OPERATOR(pg_catalog.-) c.created_at), 3)
            ELSE 0
        END AS seconds
    ) took
    WHERE c.completed_at IS NOT NULL
        AND (namespace_filter IS NULL OR ns.name OPERATOR(pg_catalog.=) namespace_filter)
        AND (task_name_filter IS NULL OR nt.name OPERATOR(pg_catalog.=) task_name_filter)
        AND (version_filter IS NULL OR nt.version OPERATOR(pg_catalog.=) version_filter)
    ORDER BY took.seconds DESC, c.task_id
    LIMIT limit_count;
END
$function$;
