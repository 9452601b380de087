-- Adds candidates. Those that were there before are deleted first, so that only
-- a step that has moved to another task meets its old row.
INSERT INTO tasker_sidecar.candidate_rows (workflow_step_id, task_id, ready_since)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::timestamp[])
ON CONFLICT (workflow_step_id) DO UPDATE SET
    task_id = excluded.task_id,
    ready_since = excluded.ready_since
