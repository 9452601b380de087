-- The columns that go with a kind of transition.
UPDATE @engine@.@entities@ AS e
SET @columns@, updated_at = u.at
FROM (
    SELECT x.id, $2::timestamp AS at, x.results::jsonb AS results, x.backoff AS backoff_request_seconds
    FROM unnest($1::bigint[], $3::text[], $4::integer[]) AS x (id, results, backoff)
) AS u
WHERE e.@key@ = u.id
