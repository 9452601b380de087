-- The installed function's answer about some steps, beside what either version
-- of the rules answers, worked out from the rows of the same snapshot. Asked in
-- a session with TimeZone UTC and the engine's schema in search_path.
--
-- The call names the step, not only its task: the originals raise an error for
-- a whole task when one of its steps has failed 44 times or more.
--
-- $1  ids of steps
WITH facts AS (
    SELECT
        s.workflow_step_id,
        s.task_id,
        s.named_step_id,
        n.name,
        coalesce(latest.to_state, 'pending') AS state,
        parents.total,
        parents.done,
        parents.total = parents.done AS satisfied,
        s.attempts,
        coalesce(s.retry_limit, 3) AS retry_limit,
        s.retryable,
        s.processed,
        s.in_process,
        s.backoff_request_seconds,
        s.last_attempted_at,
        CASE WHEN latest.to_state = 'error' THEN latest.created_at END AS failed_at,
        s.last_attempted_at + s.backoff_request_seconds * interval '1 second' AS explicit_until,
        CASE WHEN latest.to_state = 'error' THEN
            latest.created_at + least(power(2, least(coalesce(s.attempts, 1), 5)), 30) * interval '1 second'
        END AS failure_until
    FROM tasker_workflow_steps s
    JOIN tasker_named_steps n ON n.named_step_id = s.named_step_id
    LEFT JOIN tasker_workflow_step_transitions latest
        ON latest.workflow_step_id = s.workflow_step_id AND latest.most_recent
    CROSS JOIN LATERAL (
        SELECT
            count(*)::integer AS total,
            (count(*) FILTER (WHERE parent.to_state IN ('complete', 'resolved_manually')))::integer AS done
        FROM tasker_workflow_step_edges e
        LEFT JOIN tasker_workflow_step_transitions parent
            ON parent.workflow_step_id = e.from_step_id AND parent.most_recent
        WHERE e.to_step_id = s.workflow_step_id
    ) parents
    WHERE s.workflow_step_id = ANY ($1::bigint[])
),
shared AS (
    SELECT
        f.*,
        f.state IN ('pending', 'error')
            AND NOT f.processed
            AND f.satisfied
            AND coalesce(f.attempts, 0) < f.retry_limit
            AND f.retryable
            AND NOT f.in_process
            AND coalesce(f.explicit_until <= localtimestamp, true)
            AND coalesce(f.failure_until <= localtimestamp, true) AS ready,
        jsonb_build_object(
            'workflow_step_id', f.workflow_step_id,
            'task_id', f.task_id,
            'named_step_id', f.named_step_id,
            'name', f.name,
            'current_state', f.state,
            'dependencies_satisfied', f.satisfied,
            'last_failure_at', f.failed_at,
            'next_retry_at', coalesce(f.explicit_until, f.failure_until),
            'total_parents', f.total,
            'completed_parents', f.done,
            'retry_limit', f.retry_limit,
            'backoff_request_seconds', f.backoff_request_seconds,
            'last_attempted_at', f.last_attempted_at
        ) AS columns
    FROM facts f
)
SELECT
    s.workflow_step_id,
    s.task_id,
    coalesce((
        SELECT CASE jsonb_typeof(to_jsonb(answer)) WHEN 'object' THEN to_jsonb(answer) ELSE '{}' END
        FROM get_step_readiness_status(s.task_id, ARRAY[s.workflow_step_id]) answer
        LIMIT 1
    ), '{}')::text AS answered,
    (s.columns || jsonb_build_object(
        'retry_eligible', CASE
            WHEN s.attempts >= s.retry_limit THEN false
            WHEN s.attempts > 0 AND NOT s.retryable THEN false
            WHEN s.failed_at IS NULL THEN true
            ELSE coalesce(s.explicit_until, s.failure_until) <= localtimestamp
        END,
        'ready_for_execution', s.ready AND s.attempts IS NOT NULL,
        'attempts', s.attempts
    ))::text AS v01,
    (s.columns || jsonb_build_object(
        'retry_eligible', coalesce(s.attempts, 0) < s.retry_limit,
        'ready_for_execution', s.ready,
        'attempts', coalesce(s.attempts, 0)
    ))::text AS v02
FROM shared s
ORDER BY s.workflow_step_id
