DELETE FROM tasker_sidecar.step_rows WHERE workflow_step_id = ANY ($1::bigint[])
