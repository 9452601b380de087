-- Transitions that a request has made before: those that carry its key, $2, and
-- that which it was committing, $3 made at $4, when the connection was lost.
SELECT u.id, t.id, t.to_state, t.sort_key, t.created_at, before.to_state,
    t.metadata #>> '{tasker_sidecar,request}', t.id IS NOT DISTINCT FROM u.lost
FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::timestamp[]) AS u (id, key, lost, lost_at)
JOIN @engine@.@transitions@ AS t ON t.@key@ = u.id
    AND (t.metadata #>> '{tasker_sidecar,key}' = u.key OR (t.id = u.lost AND t.created_at = u.lost_at))
LEFT JOIN LATERAL (
    SELECT b.to_state
    FROM @engine@.@transitions@ AS b
    WHERE b.@key@ = u.id AND b.sort_key < t.sort_key
    ORDER BY b.sort_key DESC
    LIMIT 1
) AS before ON true
