-- Everything about a step is looked up from the step, so that asking for some
-- steps touches these and their ancestors, however large the database is. That
-- takes a plain join of subqueries that each name the step: conditions on the
-- step or its task reach the table, and nothing is computed for rows that were
-- not asked for. OFFSET 0 keeps each list computed once.
--
-- The shortest path from a root is found from its other end: breadth first
-- upwards, an ancestor once a level, until one has no edge into it. The last
-- join finds that out while it looks for the next level, and gives a row with
-- the root instead of a parent. A recursive query emits its rows level by level
-- and is read no further than to the first such row. A step that has no row,
-- which takes foreign keys switched off, is no root.
CREATE OR REPLACE VIEW tasker_sidecar_compat.tasker_step_dag_relationships AS
SELECT
    s.workflow_step_id,
    s.task_id,
    s.named_step_id,
    pg_catalog.to_jsonb(parents.ids) AS parent_step_ids,
    pg_catalog.to_jsonb(children.ids) AS child_step_ids,
    pg_catalog.cardinality(parents.ids)::bigint AS parent_count,
    pg_catalog.cardinality(children.ids)::bigint AS child_count,
    pg_catalog.cardinality(parents.ids) OPERATOR(pg_catalog.=) 0 AS is_root_step,
    pg_catalog.cardinality(children.ids) OPERATOR(pg_catalog.=) 0 AS is_leaf_step,
    CASE WHEN pg_catalog.cardinality(parents.ids) OPERATOR(pg_catalog.=) 0 THEN 0 ELSE (
        WITH RECURSIVE ancestors (step_id, depth, root_id) AS (
            SELECT s.workflow_step_id, 0, NULL::bigint
            UNION
            SELECT
                e.from_step_id,
                a.depth OPERATOR(pg_catalog.+) 1,
                CASE WHEN e.from_step_id IS NULL THEN a.step_id END
            FROM ancestors a
            LEFT JOIN LATERAL (
                SELECT of_step.from_step_id
                FROM @engine@.tasker_workflow_step_edges of_step
                WHERE of_step.to_step_id OPERATOR(pg_catalog.=) a.step_id
                OFFSET 0
            ) e ON true
            WHERE a.step_id IS NOT NULL
                AND a.depth OPERATOR(pg_catalog.<=) 50
        )
        SELECT a.depth OPERATOR(pg_catalog.-) 1
        FROM ancestors a
        WHERE (
            SELECT true
            FROM @engine@.tasker_workflow_steps root
            WHERE root.workflow_step_id OPERATOR(pg_catalog.=) a.root_id
        )
        LIMIT 1
    ) END AS min_depth_from_root
FROM @engine@.tasker_workflow_steps s
CROSS JOIN LATERAL (
    SELECT ARRAY(
        SELECT e.from_step_id
        FROM @engine@.tasker_workflow_step_edges e
        WHERE e.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
        ORDER BY e.from_step_id
    ) AS ids
    OFFSET 0
) parents
CROSS JOIN LATERAL (
    SELECT ARRAY(
        SELECT e.to_step_id
        FROM @engine@.tasker_workflow_step_edges e
        WHERE e.from_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
        ORDER BY e.to_step_id
    ) AS ids
    OFFSET 0
) children;

-- A view reads with its owner's rights, not its caller's as the functions do: who
-- may read the engine's may read this one, and nobody else. Whoever is granted
-- the engine's afterwards has to be granted this, or the installation repeated.
DO $readers$
DECLARE
    reader pg_catalog.text;
BEGIN
    FOR reader IN
        SELECT CASE right_to.grantee WHEN 0 THEN 'PUBLIC' ELSE right_to.grantee::pg_catalog.regrole::text END
        FROM pg_catalog.pg_class theirs
        CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(theirs.relacl, pg_catalog.acldefault('r', theirs.relowner))) right_to
        JOIN pg_catalog.pg_class ours
            ON ours.oid OPERATOR(pg_catalog.=) 'tasker_sidecar_compat.tasker_step_dag_relationships'::pg_catalog.regclass
        WHERE theirs.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($engine$@engine@.tasker_step_dag_relationships$engine$)
            AND right_to.privilege_type OPERATOR(pg_catalog.=) 'SELECT'
            AND right_to.grantee OPERATOR(pg_catalog.<>) ours.relowner
    LOOP
        EXECUTE 'GRANT SELECT ON tasker_sidecar_compat.tasker_step_dag_relationships TO ' OPERATOR(pg_catalog.||) reader;
    END LOOP;
END
$readers$;
