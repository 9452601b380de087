SELECT
    t.task_id,
    nt.name AS task_name,
    ns.name AS namespace_name,
    nt.version,
    round(extract(epoch FROM of_steps.completed_at - t.created_at), 3) AS duration_seconds,
    of_steps.step_count,
    of_steps.completed_steps,
    of_steps.error_steps,
    t.created_at AT TIME ZONE 'UTC' AS created_at,
    of_steps.completed_at AT TIME ZONE 'UTC' AS completed_at,
    t.initiator,
    t.source_system
FROM tasker_tasks t
JOIN tasker_named_tasks nt USING (named_task_id)
JOIN tasker_task_namespaces ns USING (task_namespace_id)
CROSS JOIN LATERAL (
    SELECT
        count(*) AS step_count,
        count(*) FILTER (WHERE latest.to_state = 'complete') AS completed_steps,
        count(*) FILTER (WHERE latest.to_state = 'error') AS error_steps,
        max(latest.created_at) FILTER (WHERE latest.to_state IN ('complete', 'error')) AS completed_at
    FROM tasker_workflow_steps s
    LEFT JOIN tasker_workflow_step_transitions latest ON latest.workflow_step_id = s.workflow_step_id AND latest.most_recent
    WHERE s.task_id = t.task_id
) of_steps
WHERE t.created_at > '2000-01-01'
    AND of_steps.completed_at IS NOT NULL
ORDER BY duration_seconds DESC, t.task_id
LIMIT 50
