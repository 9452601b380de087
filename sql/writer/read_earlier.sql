-- Transitions that a request has made before: those that carry its key, $2, and
-- that which transaction $3 was to give the sort key $4, when the connection was
-- lost, if it was committed: no transaction of ours is, unless it has written
-- everything that it was to. After a fail-over without it, its id may be ahead,
-- or somebody else's, so that what was written is compared as well.
SELECT u.id, t.id, t.to_state, t.sort_key, t.created_at, before.to_state,
    t.metadata #>> '{tasker_sidecar,request}', o.ours
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[]) AS u (id, key, xid, sort_key, to_state, metadata)
CROSS JOIN LATERAL (
    SELECT CASE WHEN u.xid::xid8 < pg_snapshot_xmax(pg_current_snapshot()) THEN pg_xact_status(u.xid::xid8) = 'committed' ELSE false END AS done
) AS x
JOIN @engine@.@transitions@ AS t ON t.@key@ = u.id
CROSS JOIN LATERAL (
    SELECT x.done AND t.sort_key = u.sort_key AND t.to_state = u.to_state AND t.metadata::jsonb = u.metadata::jsonb AS ours
) AS o
LEFT JOIN LATERAL (
    SELECT b.to_state
    FROM @engine@.@transitions@ AS b
    WHERE b.@key@ = u.id AND b.sort_key < t.sort_key
    ORDER BY b.sort_key DESC
    LIMIT 1
) AS before ON true
WHERE o.ours OR t.metadata #>> '{tasker_sidecar,key}' = u.key
