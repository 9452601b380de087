-- The new transitions. One that violates a unique index, because Rails was
-- faster, is missing from the result and fails nothing else.
INSERT INTO @engine@.@transitions@ AS t (to_state, from_state, metadata, sort_key, most_recent, @key@, created_at, updated_at)
SELECT u.to_state, NULL, u.metadata::jsonb, u.sort_key, true, u.id, $5::timestamp, $5::timestamp
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::integer[]) AS u (id, to_state, metadata, sort_key)
ON CONFLICT DO NOTHING
RETURNING t.@key@, t.id
