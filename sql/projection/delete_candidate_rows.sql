DELETE FROM tasker_sidecar.candidate_rows WHERE workflow_step_id = ANY ($1::bigint[])
