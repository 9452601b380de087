-- Puts rows of tasks in place: $1 … are columns, one array each; the instants
-- of a task come as the text of an array, in UTC as the session is.
INSERT INTO tasker_sidecar.task_rows (
    task_id, total_steps, pending_steps, in_progress_steps, completed_steps, failed_steps, exhausted_steps, ready_ungated,
    named_task_id, status, ready_gates
)
SELECT u.a, u.b, u.c, u.d, u.e, u.f, u.g, u.h, u.i, u.j, u.k::timestamptz[]
FROM unnest(
    $1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::integer[],
    $10::text[], $11::text[]
) AS u (a, b, c, d, e, f, g, h, i, j, k)
ON CONFLICT (task_id) DO UPDATE SET
    total_steps = excluded.total_steps,
    pending_steps = excluded.pending_steps,
    in_progress_steps = excluded.in_progress_steps,
    completed_steps = excluded.completed_steps,
    failed_steps = excluded.failed_steps,
    exhausted_steps = excluded.exhausted_steps,
    ready_ungated = excluded.ready_ungated,
    named_task_id = excluded.named_task_id,
    status = excluded.status,
    ready_gates = excluded.ready_gates
