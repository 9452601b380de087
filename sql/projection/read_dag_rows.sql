-- The rows of the graph of a range of tasks: from $1 to $2.
SELECT
    workflow_step_id, task_id, parent_count, child_count, named_step_id, min_depth_from_root, dependency_level, is_root_step,
    is_leaf_step, parent_step_ids, child_step_ids
FROM tasker_sidecar.dag_rows
WHERE task_id >= $1 AND task_id <= $2
ORDER BY workflow_step_id
