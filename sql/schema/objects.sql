-- What lies in the schemas $1 or depends on what does, at any remove, each with
-- its kind and name as pg_identify_object has them. Left out are the parts that
-- an object cannot be without: the types of a table's rows, its TOAST table,
-- NOT NULL constraints, the triggers behind foreign keys. What hangs on a part
-- of a table or view is told as that table or view.
WITH RECURSIVE found (classid, objid) AS (
    SELECT 'pg_namespace'::regclass::oid, n.oid
    FROM pg_namespace n
    WHERE n.nspname = ANY ($1)
    UNION
    SELECT d.classid, d.objid
    FROM found f
    JOIN pg_depend d ON d.refclassid = f.classid AND d.refobjid = f.objid
),
objects (classid, objid) AS (
    SELECT
        CASE WHEN r.oid IS NOT NULL OR a.oid IS NOT NULL THEN 'pg_class'::regclass::oid ELSE f.classid END,
        coalesce(r.ev_class, a.adrelid, f.objid)
    FROM found f
    LEFT JOIN pg_rewrite r ON f.classid = 'pg_rewrite'::regclass AND r.oid = f.objid AND r.rulename = '_RETURN'
    LEFT JOIN pg_attrdef a ON f.classid = 'pg_attrdef'::regclass AND a.oid = f.objid
)
SELECT DISTINCT i.type || ' ' || i.identity
FROM objects o
CROSS JOIN LATERAL pg_identify_object(o.classid, o.objid, 0) i
LEFT JOIN pg_class c ON o.classid = 'pg_class'::regclass AND c.oid = o.objid
LEFT JOIN pg_type t ON o.classid = 'pg_type'::regclass AND t.oid = o.objid
LEFT JOIN pg_class rowtype ON rowtype.oid = t.typrelid
LEFT JOIN pg_type element ON t.typcategory = 'A' AND element.typarray = t.oid
LEFT JOIN pg_constraint k ON o.classid = 'pg_constraint'::regclass AND k.oid = o.objid
LEFT JOIN pg_trigger g ON o.classid = 'pg_trigger'::regclass AND g.oid = o.objid
WHERE o.classid <> 'pg_default_acl'::regclass
    AND coalesce(c.relnamespace <> 'pg_toast'::regnamespace, true)
    AND (t.oid IS NULL OR element.oid IS NULL AND coalesce(rowtype.relkind = 'c', true))
    AND coalesce(k.contype <> 'n', true)
    AND NOT coalesce(g.tgisinternal, false)
ORDER BY 1
