SELECT now.at
    FROM @engine@.@entities@ AS e, now
    WHERE e.@key@ = $1::bigint AND $2::bigint = 0 AND NOT EXISTS (SELECT FROM @engine@.@transitions@ AS t WHERE t.@key@ = $1::bigint)@guard@
