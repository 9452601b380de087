UPDATE @engine@.@transitions@ AS t
    SET most_recent = false, updated_at = now.at
    FROM now
    WHERE t.id = $2::bigint AND t.@key@ = $1::bigint AND t.most_recent@guard@
    RETURNING now.at
