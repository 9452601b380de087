-- The rows themselves, in the order of their ids. FOR UPDATE would deadlock with
-- Rails, which inserts a transition (a key-share lock on its parent) first.
SELECT e.@key@
FROM @engine@.@entities@ AS e
WHERE e.@key@ = ANY ($1::bigint[])
ORDER BY e.@key@
FOR NO KEY UPDATE
