-- Fails on every call, as the engine's own does: the two times are declared
-- with a zone, and the columns that they come from have none.
CREATE FUNCTION get_slowest_steps_v01(
    since_timestamp  timestamp with time zone DEFAULT NULL,
    limit_count      integer DEFAULT 10,
    namespace_filter text DEFAULT NULL,
    task_name_filter text DEFAULT NULL,
    version_filter   text DEFAULT NULL
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
LANGUAGE plpgsql STABLE
AS $function$
BEGIN
    RETURN QUERY
    SELECT
        s.workflow_step_id,
        s.task_id,
        n.name,
        nt.name,
        ns.name,
        nt.version,
        round(extract(epoch FROM latest.created_at - s.created_at), 3),
        s.attempts,
        s.created_at,
        latest.created_at,
        s.retryable,
        latest.to_state
    FROM tasker_workflow_steps s
    JOIN tasker_named_steps n ON n.named_step_id = s.named_step_id
    JOIN tasker_tasks t ON t.task_id = s.task_id
    JOIN tasker_named_tasks nt ON nt.named_task_id = t.named_task_id
    JOIN tasker_task_namespaces ns ON ns.task_namespace_id = nt.task_namespace_id
    JOIN tasker_workflow_step_transitions latest
        ON latest.workflow_step_id = s.workflow_step_id AND latest.most_recent AND latest.to_state = 'complete'
    WHERE s.created_at > coalesce(since_timestamp, now() - interval '24 hours')
        AND round(extract(epoch FROM latest.created_at - s.created_at), 3) > 0
        AND (namespace_filter IS NULL OR ns.name = namespace_filter)
        AND (task_name_filter IS NULL OR nt.name = task_name_filter)
        AND (version_filter IS NULL OR nt.version = version_filter)
    ORDER BY 7 DESC, 1
    LIMIT limit_count;
END
$function$;
