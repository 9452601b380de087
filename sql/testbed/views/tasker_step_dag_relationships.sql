-- Computes the depth of every step in the database, whichever rows are asked for.
-- The condition that is always true is there for the planner: with it the roots
-- are found by scanning both tables where they are large and from two indexes
-- where they are small, as the engine's view does.
CREATE VIEW tasker_step_dag_relationships AS
WITH RECURSIVE depths AS (
    SELECT s.workflow_step_id, 0 AS depth
    FROM tasker_workflow_steps s
    WHERE NOT EXISTS (
        SELECT 1
        FROM tasker_workflow_step_edges e
        WHERE e.to_step_id = s.workflow_step_id
            AND (e.from_step_id < e.to_step_id OR e.from_step_id >= e.to_step_id)
    )
    UNION ALL
    SELECT e.to_step_id, d.depth + 1
    FROM depths d
    JOIN tasker_workflow_step_edges e ON e.from_step_id = d.workflow_step_id
    WHERE d.depth < 50
)
SELECT
    s.workflow_step_id,
    s.task_id,
    s.named_step_id,
    coalesce(parents.ids, '[]'::jsonb) AS parent_step_ids,
    coalesce(children.ids, '[]'::jsonb) AS child_step_ids,
    coalesce(parents.total, 0) AS parent_count,
    coalesce(children.total, 0) AS child_count,
    parents.total IS NULL AS is_root_step,
    children.total IS NULL AS is_leaf_step,
    shortest.depth AS min_depth_from_root
FROM tasker_workflow_steps s
LEFT JOIN (
    SELECT e.to_step_id, jsonb_agg(e.from_step_id ORDER BY e.from_step_id) AS ids, count(*) AS total
    FROM tasker_workflow_step_edges e
    GROUP BY e.to_step_id
) parents ON parents.to_step_id = s.workflow_step_id
LEFT JOIN (
    SELECT e.from_step_id, jsonb_agg(e.to_step_id ORDER BY e.to_step_id) AS ids, count(*) AS total
    FROM tasker_workflow_step_edges e
    GROUP BY e.from_step_id
) children ON children.from_step_id = s.workflow_step_id
LEFT JOIN (
    SELECT d.workflow_step_id, min(d.depth) AS depth
    FROM depths d
    GROUP BY d.workflow_step_id
) shortest ON shortest.workflow_step_id = s.workflow_step_id;
