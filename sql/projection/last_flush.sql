-- What the rows were said to reflect last.
SELECT flush, epoch, system_identifier, timeline, applied_lsn::text
FROM tasker_sidecar.flushes
ORDER BY flush DESC
LIMIT 1
