-- The readiness of a task's steps, or of some of them. What the statement is
-- like and why, parts/steps.sql says.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_step_readiness_status(input_task_id bigint, step_ids bigint[] DEFAULT NULL)
RETURNS TABLE (
    workflow_step_id        bigint,
    task_id                 bigint,
    named_step_id           integer,
    name                    text,
    current_state           text,
    dependencies_satisfied  boolean,
    retry_eligible          boolean,
    ready_for_execution     boolean,
    last_failure_at         timestamp without time zone,
    next_retry_at           timestamp without time zone,
    total_parents           integer,
    completed_parents       integer,
    attempts                integer,
    retry_limit             integer,
    backoff_request_seconds integer,
    last_attempted_at       timestamp without time zone
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
BEGIN
    {{- template "step_readiness_from_rows"}}
    RETURN QUERY
    SELECT
        {{template "readiness"}}
    FROM ({{template "steps_of_few" "s.task_id OPERATOR(pg_catalog.=) input_task_id\n            AND (step_ids IS NULL OR s.workflow_step_id OPERATOR(pg_catalog.=) ANY (step_ids))"}}
    ) f;
END
$function$;
