-- The facts from which readiness and contexts follow, one row a step that has
-- a name; the argument is the condition on the step s. Both give the same.
--
-- steps_of_few looks everything up from each step: lateral queries (OFFSET 0
-- keeps them so) leave the planner nothing to choose, and it has no need to know
-- how many steps there are. For a task of ten steps that is the least to do, and
-- for one of ten thousand still less than to hash tables that hold the steps of
-- all tasks. Callers hide their argument from it, as in (SELECT input_task_id):
-- where tasks differ much in size it would else find a plan for this one cheaper
-- than one for any, and plan at every call, which takes longer than the answer.
-- get_step_readiness_status does not: not knowing whether step_ids is NULL, it
-- takes a plan for any task for the cheaper one already.
{{define "steps_of_few"}}
        SELECT
            s.workflow_step_id,
            s.task_id,
            s.named_step_id,
            n.name,
            s.processed,
            s.in_process,
            s.retryable,
            s.attempts,
            coalesce(s.retry_limit, 3) AS retry_limit,
            s.backoff_request_seconds,
            s.last_attempted_at,
            coalesce(latest.to_state, 'pending')::pg_catalog.text AS state,
            CASE WHEN latest.to_state OPERATOR(pg_catalog.=) 'error' THEN latest.created_at END AS failed_at,
            counted.parents,
            counted.done_parents
        FROM @engine@.tasker_workflow_steps s
        CROSS JOIN LATERAL (
            SELECT of_step.name
            FROM @engine@.tasker_named_steps of_step
            WHERE of_step.named_step_id OPERATOR(pg_catalog.=) s.named_step_id
            OFFSET 0
        ) n
        LEFT JOIN LATERAL (
            SELECT of_step.to_state, of_step.created_at
            FROM @engine@.tasker_workflow_step_transitions of_step
            WHERE of_step.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
                AND of_step.most_recent
            OFFSET 0
        ) latest ON true
        CROSS JOIN LATERAL (
            SELECT
                pg_catalog.count(*) AS parents,
                pg_catalog.count(done.workflow_step_id) AS done_parents
            FROM @engine@.tasker_workflow_step_edges e
            LEFT JOIN LATERAL (
                SELECT of_parent.workflow_step_id
                FROM @engine@.tasker_workflow_step_transitions of_parent
                WHERE of_parent.workflow_step_id OPERATOR(pg_catalog.=) e.from_step_id
                    AND of_parent.most_recent
                    AND of_parent.to_state OPERATOR(pg_catalog.=) ANY (ARRAY['complete', 'resolved_manually']::pg_catalog.text[])
                OFFSET 0
            ) done ON true
            WHERE e.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
        ) counted
        WHERE {{.}}
{{- end}}
-- steps_of_many can be hashed throughout. Parents are counted before the states
-- are joined, grouped by primary keys. Done parents, states and failures are
-- each read from an index alone.
{{define "steps_of_many"}}
        SELECT
            counted.*,
            coalesce(latest.to_state, 'pending')::pg_catalog.text AS state,
            failure.created_at AS failed_at
        FROM (
            SELECT
                s.workflow_step_id,
                s.task_id,
                s.named_step_id,
                n.name,
                s.processed,
                s.in_process,
                s.retryable,
                s.attempts,
                coalesce(s.retry_limit, 3) AS retry_limit,
                s.backoff_request_seconds,
                s.last_attempted_at,
                pg_catalog.count(e.from_step_id) AS parents,
                pg_catalog.count(done.workflow_step_id) AS done_parents
            FROM @engine@.tasker_workflow_steps s
            JOIN @engine@.tasker_named_steps n
                ON n.named_step_id OPERATOR(pg_catalog.=) s.named_step_id
            LEFT JOIN @engine@.tasker_workflow_step_edges e
                ON e.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
            LEFT JOIN @engine@.tasker_workflow_step_transitions done
                ON done.workflow_step_id OPERATOR(pg_catalog.=) e.from_step_id
                AND done.most_recent
                AND done.to_state OPERATOR(pg_catalog.=) ANY (ARRAY['complete', 'resolved_manually']::pg_catalog.text[])
            WHERE {{.}}
            GROUP BY s.workflow_step_id, n.named_step_id
        ) counted
        LEFT JOIN @engine@.tasker_workflow_step_transitions latest
            ON latest.workflow_step_id OPERATOR(pg_catalog.=) counted.workflow_step_id
            AND latest.most_recent
        LEFT JOIN @engine@.tasker_workflow_step_transitions failure
            ON failure.workflow_step_id OPERATOR(pg_catalog.=) counted.workflow_step_id
            AND failure.most_recent
            AND failure.to_state OPERATOR(pg_catalog.=) 'error'
{{- end}}
