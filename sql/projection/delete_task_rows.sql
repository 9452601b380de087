DELETE FROM tasker_sidecar.task_rows WHERE task_id = ANY ($1::bigint[])
