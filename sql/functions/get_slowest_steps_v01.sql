-- Complete steps by how long they took, longest first. A NULL limit is none, and
-- a negative one is the error that it is in any query. Steps of which a time is
-- infinite took no time that could be compared, and are left out.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_slowest_steps_v01(
    since_timestamp  timestamp with time zone DEFAULT NULL,
    limit_count      integer DEFAULT 10,
    namespace_filter pg_catalog.text DEFAULT NULL,
    task_name_filter pg_catalog.text DEFAULT NULL,
    version_filter   pg_catalog.text DEFAULT NULL
)
RETURNS TABLE (
    workflow_step_id bigint,
    task_id          bigint,
    step_name        character varying,
    task_name        character varying,
    namespace_name   character varying,
    version          character varying,
    duration_seconds numeric,
    attempts         integer,
    created_at       timestamp with time zone,
    completed_at     timestamp with time zone,
    retryable        boolean,
    step_status      character varying
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
DECLARE
    since timestamp without time zone := coalesce(since_timestamp, pg_catalog.now() OPERATOR(pg_catalog.-) interval '24 hours') AT TIME ZONE 'UTC';
BEGIN
    RETURN QUERY
    SELECT
        s.workflow_step_id,
        s.task_id,
        n.name,
        nt.name,
        ns.name,
        nt.version,
        took.seconds,
        s.attempts,
        s.created_at AT TIME ZONE 'UTC',
        latest.created_at AT TIME ZONE 'UTC',
        s.retryable,
        latest.to_state
    FROM @engine@.tasker_workflow_steps s
    JOIN @engine@.tasker_workflow_step_transitions latest
        ON latest.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
        AND latest.most_recent
        AND latest.to_state OPERATOR(pg_catalog.=) 'complete'
    JOIN @engine@.tasker_named_steps n
        ON n.named_step_id OPERATOR(pg_catalog.=) s.named_step_id
    JOIN @engine@.tasker_tasks t
        ON t.task_id OPERATOR(pg_catalog.=) s.task_id
    JOIN @engine@.tasker_named_tasks nt
        ON nt.named_task_id OPERATOR(pg_catalog.=) t.named_task_id
    JOIN @engine@.tasker_task_namespaces ns
        ON ns.task_namespace_id OPERATOR(pg_catalog.=) nt.task_namespace_id
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN pg_catalog.isfinite(s.created_at) AND pg_catalog.isfinite(latest.created_at)
                THEN pg_catalog.round(extract(epoch FROM latest.created_at OPERATOR(pg_catalog.-) s.created_at), 3)
            ELSE 0
        END AS seconds
    ) took
    WHERE s.created_at OPERATOR(pg_catalog.>) since
        AND took.seconds OPERATOR(pg_catalog.>) 0
        AND (namespace_filter IS NULL OR ns.name OPERATOR(pg_catalog.=) namespace_filter)
        AND (task_name_filter IS NULL OR nt.name OPERATOR(pg_catalog.=) task_name_filter)
        AND (version_filter IS NULL OR nt.version OPERATOR(pg_catalog.=) version_filter)
    ORDER BY took.seconds DESC, s.workflow_step_id
    LIMIT limit_count;
END
$function$;
