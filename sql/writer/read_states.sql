-- Of each id: the most recent transition, that with the highest sort_key (which
-- should be the same), and the clock, which is read once.
SELECT u.id, r.id, r.to_state, h.id, h.sort_key, (SELECT clock_timestamp() AT TIME ZONE 'UTC')
FROM unnest($1::bigint[]) AS u (id)
LEFT JOIN @engine@.@transitions@ AS r ON r.@key@ = u.id AND r.most_recent
LEFT JOIN LATERAL (
    SELECT t.id, t.sort_key
    FROM @engine@.@transitions@ AS t
    WHERE t.@key@ = u.id
    ORDER BY t.sort_key DESC
    LIMIT 1
) AS h ON true
