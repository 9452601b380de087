-- The parents of each step that are not done: the first $2 of them, and how many
-- there are.
SELECT u.id, g.id, g.state, g.total
FROM unnest($1::bigint[]) AS u (id)
CROSS JOIN LATERAL (
    SELECT p.id, coalesce(r.to_state, 'pending') AS state, count(*) OVER () AS total
    FROM (SELECT DISTINCT x.from_step_id AS id FROM @engine@.tasker_workflow_step_edges AS x WHERE x.to_step_id = u.id) AS p
    LEFT JOIN @engine@.tasker_workflow_step_transitions AS r ON r.workflow_step_id = p.id AND r.most_recent
    WHERE coalesce(r.to_state, 'pending') NOT IN ('complete', 'resolved_manually')
    ORDER BY p.id
    LIMIT $2::integer
) AS g
