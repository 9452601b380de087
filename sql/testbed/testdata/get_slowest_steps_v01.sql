SELECT
    s.workflow_step_id,
    s.task_id,
    n.name AS step_name,
    nt.name AS task_name,
    ns.name AS namespace_name,
    nt.version,
    round(extract(epoch FROM latest.created_at - s.created_at), 3) AS duration_seconds,
    s.attempts,
    s.created_at AT TIME ZONE 'UTC' AS created_at,
    latest.created_at AT TIME ZONE 'UTC' AS completed_at,
    s.retryable,
    latest.to_state AS step_status
FROM tasker_workflow_steps s
JOIN tasker_named_steps n USING (named_step_id)
JOIN tasker_tasks t USING (task_id)
JOIN tasker_named_tasks nt USING (named_task_id)
JOIN tasker_task_namespaces ns USING (task_namespace_id)
JOIN tasker_workflow_step_transitions latest ON latest.workflow_step_id = s.workflow_step_id AND latest.most_recent
WHERE s.created_at > '2000-01-01'
    AND latest.to_state = 'complete'
    AND round(extract(epoch FROM latest.created_at - s.created_at), 3) > 0
ORDER BY duration_seconds DESC, s.workflow_step_id
LIMIT 50
