SELECT named_task_id, name, version, namespace_name FROM tasker_sidecar.named_task_rows ORDER BY named_task_id
