DELETE FROM tasker_sidecar.named_task_rows WHERE named_task_id = ANY ($1::integer[])
