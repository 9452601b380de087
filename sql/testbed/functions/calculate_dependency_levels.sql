-- Walks every path from the roots, so its time doubles with each diamond in a
-- row, and it never ends on a cycle that a root reaches.
CREATE FUNCTION calculate_dependency_levels(input_task_id bigint)
RETURNS TABLE (workflow_step_id bigint, dependency_level integer)
LANGUAGE plpgsql STABLE
AS $function$
BEGIN
    RETURN QUERY
    WITH RECURSIVE walk AS (
        SELECT s.workflow_step_id AS step_id, 0 AS level
        FROM tasker_workflow_steps s
        WHERE s.task_id = input_task_id
            AND NOT EXISTS (SELECT 1 FROM tasker_workflow_step_edges e WHERE e.to_step_id = s.workflow_step_id)
        UNION ALL
        SELECT e.to_step_id, walk.level + 1
        FROM walk
        JOIN tasker_workflow_step_edges e ON e.from_step_id = walk.step_id
        JOIN tasker_workflow_steps s ON s.workflow_step_id = e.to_step_id
        WHERE s.task_id = input_task_id
    )
    SELECT walk.step_id, max(walk.level)
    FROM walk
    GROUP BY walk.step_id
    ORDER BY 2, 1;
END
$function$;
