-- Counts the steps itself instead of asking get_step_readiness_status for
-- their rows.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_task_execution_context(input_task_id bigint)
RETURNS TABLE (
    task_id               bigint,
    named_task_id         integer,
    status                pg_catalog.text,
    total_steps           bigint,
    pending_steps         bigint,
    in_progress_steps     bigint,
    completed_steps       bigint,
    failed_steps          bigint,
    ready_steps           bigint,
    execution_status      pg_catalog.text,
    recommended_action    pg_catalog.text,
    completion_percentage numeric,
    health_status         pg_catalog.text
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
BEGIN
    {{- template "context_from_rows"}}
    RETURN QUERY
    SELECT
        {{template "context"}}
    FROM @engine@.tasker_tasks t
    LEFT JOIN @engine@.tasker_task_transitions latest
        ON latest.task_id OPERATOR(pg_catalog.=) t.task_id
        AND latest.most_recent
    CROSS JOIN (
        SELECT
            {{template "counts"}}
        FROM ({{template "steps_of_few" "s.task_id OPERATOR(pg_catalog.=) (SELECT input_task_id)"}}
        ) f
    ) c
    WHERE t.task_id OPERATOR(pg_catalog.=) input_task_id;
END
$function$;
