-- A position that has everything that was committed synchronously before.
SELECT pg_current_wal_flush_lsn()::text
