-- Compares now() with times that have no zone: right only in a session whose
-- TimeZone is UTC. Fails for the whole task (interval out of range) when a step
-- in error has 44 attempts or more and no backoff of its own.
CREATE FUNCTION get_step_readiness_status(input_task_id bigint, step_ids bigint[] DEFAULT NULL)
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
LANGUAGE plpgsql STABLE
AS $function$
BEGIN
    RETURN QUERY
    SELECT
        s.workflow_step_id,
        s.task_id,
        s.named_step_id,
        n.name::text,
        coalesce(mine.to_state, 'pending')::text,
        count(e.from_step_id) = count(*) FILTER (WHERE parent.to_state IN ('complete', 'resolved_manually')),
        coalesce(s.attempts, 0) < coalesce(s.retry_limit, 3),
        coalesce(mine.to_state, 'pending') IN ('pending', 'error')
            AND NOT s.processed
            AND count(e.from_step_id) = count(*) FILTER (WHERE parent.to_state IN ('complete', 'resolved_manually'))
            AND coalesce(s.attempts, 0) < coalesce(s.retry_limit, 3)
            AND s.retryable
            AND NOT s.in_process
            AND (s.last_attempted_at IS NULL OR s.backoff_request_seconds IS NULL
                OR s.last_attempted_at + s.backoff_request_seconds * interval '1 second' <= now())
            AND (failure.created_at IS NULL
                OR failure.created_at + least(power(2, coalesce(s.attempts, 1)) * interval '1 second', interval '30 seconds') <= now()),
        failure.created_at,
        CASE
            WHEN s.last_attempted_at IS NOT NULL AND s.backoff_request_seconds IS NOT NULL
                THEN s.last_attempted_at + s.backoff_request_seconds * interval '1 second'
            WHEN failure.created_at IS NOT NULL
                THEN failure.created_at + least(power(2, coalesce(s.attempts, 1)) * interval '1 second', interval '30 seconds')
        END,
        count(e.from_step_id)::integer,
        (count(*) FILTER (WHERE parent.to_state IN ('complete', 'resolved_manually')))::integer,
        coalesce(s.attempts, 0),
        coalesce(s.retry_limit, 3),
        s.backoff_request_seconds,
        s.last_attempted_at
    FROM tasker_workflow_steps s
    JOIN tasker_named_steps n ON n.named_step_id = s.named_step_id
    LEFT JOIN tasker_workflow_step_transitions mine
        ON mine.workflow_step_id = s.workflow_step_id AND mine.most_recent
    LEFT JOIN tasker_workflow_step_edges e
        ON e.to_step_id = s.workflow_step_id
    LEFT JOIN tasker_workflow_step_transitions parent
        ON parent.workflow_step_id = e.from_step_id AND parent.most_recent
    LEFT JOIN tasker_workflow_step_transitions failure
        ON failure.workflow_step_id = s.workflow_step_id AND failure.most_recent AND failure.to_state = 'error'
    WHERE s.task_id = input_task_id
        AND (step_ids IS NULL OR s.workflow_step_id = ANY (step_ids))
    GROUP BY s.workflow_step_id, n.name, mine.to_state, failure.created_at;
END
$function$;
