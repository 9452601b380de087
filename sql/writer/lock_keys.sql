-- Our advisory locks, in the order of the array, which is ascending. Then, once
-- all of them are held, waits become short: $2 milliseconds. From the next
-- statement on Rails might have to wait for us.
SELECT count(pg_advisory_xact_lock(k)), set_config('lock_timeout', $2::text, true)
FROM unnest($1::bigint[]) AS k
