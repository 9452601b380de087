, changed AS (
    UPDATE @engine@.@entities@ AS e
    SET @columns@, updated_at = u.at
    FROM (SELECT i.created_at AS at, $6::text::jsonb AS results, $7::integer AS backoff_request_seconds FROM inserted AS i) AS u
    WHERE e.@key@ = $1::bigint
)
