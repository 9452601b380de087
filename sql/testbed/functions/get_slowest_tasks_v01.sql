-- Fails on every call, as the engine's own does: the two times are declared
-- with a zone, and the columns that they come from have none.
CREATE FUNCTION get_slowest_tasks_v01(
    since_timestamp  timestamp with time zone DEFAULT NULL,
    limit_count      integer DEFAULT 10,
    namespace_filter text DEFAULT NULL,
    task_name_filter text DEFAULT NULL,
    version_filter   text DEFAULT NULL
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
LANGUAGE plpgsql STABLE
AS $function$
BEGIN
    RETURN QUERY
    SELECT
        t.task_id,
        nt.name,
        ns.name,
        nt.version,
        round(extract(epoch FROM max(latest.created_at) FILTER (WHERE latest.to_state IN ('complete', 'error')) - t.created_at), 3),
        count(*),
        count(*) FILTER (WHERE latest.to_state = 'complete'),
        count(*) FILTER (WHERE latest.to_state = 'error'),
        t.created_at,
        max(latest.created_at) FILTER (WHERE latest.to_state IN ('complete', 'error')),
        t.initiator,
        t.source_system
    FROM tasker_tasks t
    JOIN tasker_named_tasks nt ON nt.named_task_id = t.named_task_id
    JOIN tasker_task_namespaces ns ON ns.task_namespace_id = nt.task_namespace_id
    JOIN tasker_workflow_steps s ON s.task_id = t.task_id
    LEFT JOIN tasker_workflow_step_transitions latest
        ON latest.workflow_step_id = s.workflow_step_id AND latest.most_recent
    WHERE t.created_at > coalesce(since_timestamp, now() - interval '24 hours')
        AND (namespace_filter IS NULL OR ns.name = namespace_filter)
        AND (task_name_filter IS NULL OR nt.name = task_name_filter)
        AND (version_filter IS NULL OR nt.version = version_filter)
    GROUP BY t.task_id, nt.name, ns.name, nt.version
    HAVING count(*) FILTER (WHERE latest.to_state IN ('complete', 'error')) > 0
    ORDER BY 5 DESC, 1
    LIMIT limit_count;
END
$function$;
