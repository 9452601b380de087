-- Puts rows of the graph in place: $1 … are columns, one array each.
INSERT INTO tasker_sidecar.dag_rows (
    workflow_step_id, task_id, parent_count, child_count, named_step_id, min_depth_from_root, dependency_level, is_root_step,
    is_leaf_step, parent_step_ids, child_step_ids
)
SELECT u.a, u.b, u.c, u.d, u.e, u.f, u.g, u.h, u.i, u.j::jsonb, u.k::jsonb
FROM unnest(
    $1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::integer[], $6::integer[], $7::integer[], $8::boolean[], $9::boolean[],
    $10::text[], $11::text[]
) AS u (a, b, c, d, e, f, g, h, i, j, k)
ON CONFLICT (workflow_step_id) DO UPDATE SET
    task_id = excluded.task_id,
    parent_count = excluded.parent_count,
    child_count = excluded.child_count,
    named_step_id = excluded.named_step_id,
    min_depth_from_root = excluded.min_depth_from_root,
    dependency_level = excluded.dependency_level,
    is_root_step = excluded.is_root_step,
    is_leaf_step = excluded.is_leaf_step,
    parent_step_ids = excluded.parent_step_ids,
    child_step_ids = excluded.child_step_ids
