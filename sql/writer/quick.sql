-- One transition of $1 whose history was read without the row's lock, which is
-- held now: written if the most recent one is still what it was, and its guard
-- holds. Otherwise it fails, and with it the COMMIT that is under way behind it.
WITH now AS MATERIALIZED (
    SELECT clock_timestamp() AT TIME ZONE 'UTC' AS at
), flipped AS (
    @flip@
), inserted AS (
    INSERT INTO @engine@.@transitions@ (to_state, from_state, metadata, sort_key, most_recent, @key@, created_at, updated_at)
    SELECT $3::text, NULL, $4::text::jsonb, $5::integer, true, $1::bigint, f.at, f.at
    FROM flipped AS f
    RETURNING id, created_at
)@changed@
SELECT coalesce(i.id::text, 'it was moved meanwhile, or its guard does not hold')::bigint, i.created_at
FROM now
LEFT JOIN inserted AS i ON true
