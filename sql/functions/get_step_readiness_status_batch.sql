-- get_step_readiness_status for all steps of several tasks at once.
--
-- From 5,000 ids on, where looking every step up begins to cost more than reading
-- the tables, the statement is one that can be hashed. It is planned each time:
-- a plan that is kept takes any array for one of ten ids.
--
-- An answer is collected before it is sent, and on disk if it does not fit into
-- work_mem: 50,000 rows are 10 MB, and writing them to a file and reading them
-- takes as long as finding them in the rows.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_step_readiness_status_batch(input_task_ids bigint[])
RETURNS TABLE (
    workflow_step_id        bigint,
    task_id                 bigint,
    named_step_id           integer,
    name                    pg_catalog.text,
    current_state           pg_catalog.text,
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
SET work_mem = '32MB'
AS $function$
BEGIN
    {{- template "step_readiness_batch_from_rows"}}
    IF pg_catalog.cardinality(input_task_ids) OPERATOR(pg_catalog.>=) 5000 THEN
        RETURN QUERY EXECUTE $statement$
            SELECT
                {{template "readiness"}}
            FROM ({{template "steps_of_many" "s.task_id OPERATOR(pg_catalog.=) ANY ($1)"}}
            ) f
        $statement$ USING input_task_ids;
    ELSE
        RETURN QUERY
        SELECT
            {{template "readiness"}}
        FROM ({{template "steps_of_few" "s.task_id OPERATOR(pg_catalog.=) ANY ((SELECT input_task_ids)::bigint[])"}}
        ) f;
    END IF;
END
$function$;
