-- The transitions whose rows were written by transactions from a horizon on, in
-- the order of their times, those of one task or step in that of its history;
-- each with the one before it.
WITH found AS (
    SELECT 2 AS kind, t.id, t.workflow_step_id AS parent, t.to_state, t.created_at, t.sort_key
    FROM @engine@.tasker_workflow_step_transitions t
    WHERE pg_catalog.age(t.xmin) <= pg_catalog.age($1::pg_catalog.text::pg_catalog.xid)
    UNION ALL
    SELECT 1, t.id, t.task_id, t.to_state, t.created_at, t.sort_key
    FROM @engine@.tasker_task_transitions t
    WHERE pg_catalog.age(t.xmin) <= pg_catalog.age($1::pg_catalog.text::pg_catalog.xid)
), timed AS (
    SELECT f.*, max(f.created_at) OVER (PARTITION BY f.kind, f.parent ORDER BY f.sort_key, f.id) AS at
    FROM found f
)
SELECT f.kind, f.id, f.parent, f.to_state, f.created_at, before.to_state, before.created_at, s.task_id, ns.name, nt.name
FROM timed f
LEFT JOIN LATERAL (
    (SELECT p.to_state, p.created_at
     FROM @engine@.tasker_workflow_step_transitions p
     WHERE f.kind = 2 AND p.workflow_step_id = f.parent AND p.sort_key < f.sort_key
     ORDER BY p.sort_key DESC
     LIMIT 1)
    UNION ALL
    (SELECT p.to_state, p.created_at
     FROM @engine@.tasker_task_transitions p
     WHERE f.kind = 1 AND p.task_id = f.parent AND p.sort_key < f.sort_key
     ORDER BY p.sort_key DESC
     LIMIT 1)
) before ON true
LEFT JOIN @engine@.tasker_workflow_steps s ON f.kind = 2 AND s.workflow_step_id = f.parent
LEFT JOIN @engine@.tasker_named_steps ns ON ns.named_step_id = s.named_step_id
LEFT JOIN @engine@.tasker_tasks t ON f.kind = 1 AND t.task_id = f.parent
LEFT JOIN @engine@.tasker_named_tasks nt ON nt.named_task_id = t.named_task_id
ORDER BY f.at, f.kind DESC, f.parent, f.sort_key, f.id
