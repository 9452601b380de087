DELETE FROM tasker_sidecar.dag_rows WHERE workflow_step_id = ANY ($1::bigint[])
