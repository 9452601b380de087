-- Puts candidates in place: $1 … are columns, one array each.
INSERT INTO tasker_sidecar.candidate_rows (
    workflow_step_id, task_id, ready_since, attempts, current_state, name, task_name, task_version, namespace_name
)
SELECT * FROM unnest(
    $1::bigint[], $2::bigint[], $3::timestamp[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[]
)
ON CONFLICT (workflow_step_id) DO UPDATE SET
    task_id = excluded.task_id,
    ready_since = excluded.ready_since,
    attempts = excluded.attempts,
    current_state = excluded.current_state,
    name = excluded.name,
    task_name = excluded.task_name,
    task_version = excluded.task_version,
    namespace_name = excluded.namespace_name
