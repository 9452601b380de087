-- Puts the names of named tasks in place: $1 … are columns, one array each.
INSERT INTO tasker_sidecar.named_task_rows (named_task_id, name, version, namespace_name)
SELECT * FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[])
ON CONFLICT (named_task_id) DO UPDATE SET
    name = excluded.name,
    version = excluded.version,
    namespace_name = excluded.namespace_name
