-- The same without a lock.
SELECT e.@key@
FROM @engine@.@entities@ AS e
WHERE e.@key@ = ANY ($1::bigint[])
