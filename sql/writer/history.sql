-- Of one id: whether its row is there, and its transitions, oldest first.
SELECT t.id, t.to_state, t.sort_key, t.most_recent, t.created_at, coalesce(t.metadata, '{}')::text
FROM @engine@.@entities@ AS e
LEFT JOIN @engine@.@transitions@ AS t ON t.@key@ = e.@key@
WHERE e.@key@ = $1
ORDER BY t.sort_key
