-- Our advisory locks, in the order of the array, which is ascending. Then, once
-- all of them are held, waits become short: $2 milliseconds. From the next
-- statement on Rails might have to wait for us. The transaction's id tells later
-- whether it was committed.
SELECT count(pg_advisory_xact_lock(k)), set_config('lock_timeout', $2::text, true), pg_current_xact_id()::text
FROM unnest($1::bigint[]) AS k
