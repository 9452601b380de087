-- get_task_execution_context for several tasks; one named twice is answered
-- twice. Two statements for the reason that get_step_readiness_status_batch gives.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_task_execution_contexts_batch(input_task_ids bigint[])
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
    {{- template "contexts_batch_from_rows"}}
    IF pg_catalog.cardinality(input_task_ids) OPERATOR(pg_catalog.>=) 5000 THEN
        RETURN QUERY EXECUTE $statement$
            SELECT
                {{template "context"}}
            FROM pg_catalog.unnest($1) AS asked (task_id)
            JOIN @engine@.tasker_tasks t
                ON t.task_id OPERATOR(pg_catalog.=) asked.task_id
            LEFT JOIN @engine@.tasker_task_transitions latest
                ON latest.task_id OPERATOR(pg_catalog.=) t.task_id
                AND latest.most_recent
            LEFT JOIN (
                SELECT
                    f.task_id,
                    {{template "counts"}}
                FROM ({{template "steps_of_many" "s.task_id OPERATOR(pg_catalog.=) ANY ($1)"}}
                ) f
                GROUP BY f.task_id
            ) c ON c.task_id OPERATOR(pg_catalog.=) t.task_id
            ORDER BY t.task_id
        $statement$ USING input_task_ids;
    ELSE
        RETURN QUERY
        SELECT
            {{template "context"}}
        FROM pg_catalog.unnest((SELECT input_task_ids)) AS asked (task_id)
        JOIN @engine@.tasker_tasks t
            ON t.task_id OPERATOR(pg_catalog.=) asked.task_id
        LEFT JOIN @engine@.tasker_task_transitions latest
            ON latest.task_id OPERATOR(pg_catalog.=) t.task_id
            AND latest.most_recent
        LEFT JOIN (
            SELECT
                f.task_id,
                {{template "counts"}}
            FROM ({{template "steps_of_few" "s.task_id OPERATOR(pg_catalog.=) ANY ((SELECT input_task_ids)::bigint[])"}}
            ) f
            GROUP BY f.task_id
        ) c ON c.task_id OPERATOR(pg_catalog.=) t.task_id
        ORDER BY t.task_id;
    END IF;
END
$function$;
