-- The transitions that were the most recent are so no more. One that Rails was
-- faster with is missing from the result.
UPDATE @engine@.@transitions@ AS t
SET most_recent = false, updated_at = $2::timestamp
FROM unnest($1::bigint[]) AS u (id)
WHERE t.id = u.id AND t.most_recent
RETURNING t.@key@
