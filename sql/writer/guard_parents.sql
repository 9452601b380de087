 AND NOT EXISTS (
        SELECT FROM @engine@.tasker_workflow_step_edges AS x
        LEFT JOIN @engine@.tasker_workflow_step_transitions AS r ON r.workflow_step_id = x.from_step_id AND r.most_recent
        WHERE x.to_step_id = $1::bigint AND coalesce(r.to_state, 'pending') NOT IN ('complete', 'resolved_manually'))
