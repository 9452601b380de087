-- The steps of each task that are not done: the first $2 of them, and how many
-- there are.
SELECT u.id, g.id, g.state, g.total
FROM unnest($1::bigint[]) AS u (id)
CROSS JOIN LATERAL (
    SELECT s.workflow_step_id AS id, coalesce(r.to_state, 'pending') AS state, count(*) OVER () AS total
    FROM @engine@.tasker_workflow_steps AS s
    LEFT JOIN @engine@.tasker_workflow_step_transitions AS r ON r.workflow_step_id = s.workflow_step_id AND r.most_recent
    WHERE s.task_id = u.id AND coalesce(r.to_state, 'pending') NOT IN ('complete', 'resolved_manually')
    ORDER BY s.workflow_step_id
    LIMIT $2::integer
) AS g
