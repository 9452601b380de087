-- Says what the rows reflect from this transaction on.
INSERT INTO tasker_sidecar.flushes (
    flush, epoch, system_identifier, timeline, database, slot_name, writer_lock, applied_lsn, as_of, oldest_candidate, reconciling, rules,
    total_tasks, pending_tasks, in_progress_tasks, complete_tasks, error_tasks, cancelled_tasks,
    total_steps, pending_steps, in_progress_steps, complete_steps, error_steps,
    retryable_error_steps, exhausted_retry_steps, in_backoff_steps, sidecar_version
)
VALUES (
    $1, $2, $3, $4, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()), $5, $6, $7, $8, $9, $10,
    $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26
)
