-- The rows of a range of tasks: from $1 to $2, instants in UTC as the session is.
SELECT
    task_id, total_steps, pending_steps, in_progress_steps, completed_steps, failed_steps, exhausted_steps, ready_ungated,
    named_task_id, status, ready_gates::timestamp[]
FROM tasker_sidecar.task_rows
WHERE task_id >= $1 AND task_id <= $2
ORDER BY task_id
