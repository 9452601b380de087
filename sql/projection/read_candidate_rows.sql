-- The candidates of a range of tasks: from $1 to $2.
SELECT workflow_step_id, task_id, ready_since, attempts, current_state, name, task_name, task_version, namespace_name
FROM tasker_sidecar.candidate_rows
WHERE task_id >= $1 AND task_id <= $2
ORDER BY workflow_step_id
