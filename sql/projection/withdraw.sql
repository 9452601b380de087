-- Says that the rows of epoch $1 do not count any more, and that nobody vouches
-- for them: it names no slot, whose holder may well go on following, and no lock. Nothing when
-- there has been another leader since, who has said so himself. The lock makes a leader
-- who is just being elected wait for this, or this for him.
WITH fence AS (
    SELECT FROM tasker_sidecar.leader WHERE epoch = $1 FOR NO KEY UPDATE
)
INSERT INTO tasker_sidecar.flushes (
    flush, epoch, system_identifier, timeline, database, slot_name, writer_lock, applied_lsn, as_of, oldest_candidate, reconciling, rules,
    total_tasks, pending_tasks, in_progress_tasks, complete_tasks, error_tasks, cancelled_tasks,
    total_steps, pending_steps, in_progress_steps, complete_steps, error_steps,
    retryable_error_steps, exhausted_retry_steps, in_backoff_steps, sidecar_version
)
SELECT
    last.flush + 1, last.epoch, last.system_identifier, last.timeline, last.database, NULL, NULL, last.applied_lsn, last.as_of,
    last.oldest_candidate, true, last.rules,
    last.total_tasks, last.pending_tasks, last.in_progress_tasks, last.complete_tasks, last.error_tasks, last.cancelled_tasks,
    last.total_steps, last.pending_steps, last.in_progress_steps, last.complete_steps, last.error_steps,
    last.retryable_error_steps, last.exhausted_retry_steps, last.in_backoff_steps, last.sidecar_version
FROM fence
CROSS JOIN (
    SELECT * FROM tasker_sidecar.flushes ORDER BY flush DESC LIMIT 1
) last
WHERE last.slot_name IS NOT NULL
