 AND NOT EXISTS (
        SELECT FROM @engine@.tasker_workflow_steps AS s
        LEFT JOIN @engine@.tasker_workflow_step_transitions AS r ON r.workflow_step_id = s.workflow_step_id AND r.most_recent
        WHERE s.task_id = $1::bigint AND coalesce(r.to_state, 'pending') NOT IN ('complete', 'resolved_manually'))
