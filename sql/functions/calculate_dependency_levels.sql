-- Linear in the task's edges, and it ends on every graph.
--
-- Steps are numbered by their place in the task. One statement reads all edges
-- into the task's steps, by look-ups and with one plan for all tasks, for the
-- reasons that parts/steps.sql gives. Then, in arrays, a step is done with once
-- all edges into it have been followed (Kahn's algorithm). Steps are taken in the
-- order in which they were found, so levels never fall, and the last edge into a
-- step comes from its highest parent.
--
-- Edges that no path from a root takes must not keep a step waiting: those from
-- steps whose parents are all in other tasks, and what is only behind them, are
-- taken off first. If steps are left over in the end, there is a loop; then
-- edges from everything that no root reaches are taken off, and it is done once
-- more. What is left over then lies on a loop that a root reaches, or behind one.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.calculate_dependency_levels(input_task_id bigint)
RETURNS TABLE (workflow_step_id bigint, dependency_level integer)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
DECLARE
    ids        bigint[];  -- of the task's steps, ascending: their places number them
    children   integer[]; -- of each edge into one of them: the step it leads to,
    parents    integer[]; -- and the step it comes from, 0 being another task's; a step without edges is here once, with NULL
    steps      integer;
    next_edge  integer[]; -- of each edge: another one from the same step, 0 for none
    first_edge integer[]; -- of each step: an edge from it
    incoming   integer[]; -- of each step: how many edges come from steps of the task,
    waits      integer[]; -- and how many of those have not yet been followed
    levels     integer[];
    roots      integer[] := '{}';
    dead       integer[] := '{}'; -- steps that no root reaches, as far as they begin a path
    outside    boolean   := false; -- an edge comes from another task
    reached    boolean[];
    queue      integer[];
    filled     integer;
    taken      integer;
    settled    integer;
    level      integer;
    waiting    integer;
    parent     integer;
    child      integer;
    edge       integer;
BEGIN
    {{- template "levels_from_rows"}}
    SELECT
        task.ids,
        ARRAY(SELECT pg_catalog.width_bucket(u.id, task.ids) FROM pg_catalog.unnest(task.children) AS u (id)),
        ARRAY(
            SELECT CASE
                WHEN u.id IS NULL THEN NULL
                WHEN task.ids[pg_catalog.width_bucket(u.id, task.ids)] OPERATOR(pg_catalog.=) u.id THEN pg_catalog.width_bucket(u.id, task.ids)
                ELSE 0
            END
            FROM pg_catalog.unnest(task.parents) AS u (id)
        )
    INTO ids, children, parents
    FROM (
        SELECT
            pg_catalog.array_agg(DISTINCT s.workflow_step_id) AS ids,
            pg_catalog.array_agg(s.workflow_step_id) AS children,
            pg_catalog.array_agg(e.from_step_id) AS parents
        FROM @engine@.tasker_workflow_steps s
        LEFT JOIN LATERAL (
            SELECT of_step.from_step_id
            FROM @engine@.tasker_workflow_step_edges of_step
            WHERE of_step.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
            OFFSET 0
        ) e ON true
        WHERE s.task_id OPERATOR(pg_catalog.=) (SELECT input_task_id)
    ) task;
    IF ids IS NULL THEN
        RETURN;
    END IF;

    steps := pg_catalog.cardinality(ids);
    incoming := pg_catalog.array_fill(0, ARRAY[steps]);
    levels := pg_catalog.array_fill(NULL::integer, ARRAY[steps]);
    first_edge := incoming;
    next_edge := parents;
    FOR i IN 1 .. pg_catalog.cardinality(parents) LOOP
        parent := parents[i];
        child := children[i];
        IF parent OPERATOR(pg_catalog.>) 0 THEN
            incoming[child] := incoming[child] OPERATOR(pg_catalog.+) 1;
            next_edge[i] := first_edge[parent];
            first_edge[parent] := i;
        ELSIF parent IS NULL THEN
            roots := pg_catalog.array_append(roots, child);
            levels[child] := 0;
        ELSE
            outside := true;
        END IF;
    END LOOP;
    IF outside THEN
        FOR i IN 1 .. steps LOOP
            IF incoming[i] OPERATOR(pg_catalog.=) 0 AND levels[i] IS NULL THEN
                dead := pg_catalog.array_append(dead, i);
            END IF;
        END LOOP;
    END IF;

    FOR attempt IN 1 .. 2 LOOP
        waits := incoming;
        settled := 0;
        FOR pass IN 1 .. 2 LOOP
            IF pass OPERATOR(pg_catalog.=) 1 THEN
                CONTINUE WHEN pg_catalog.cardinality(dead) OPERATOR(pg_catalog.=) 0;
                queue := dead;
                FOREACH child IN ARRAY dead LOOP
                    waits[child] := 0; -- so that none is found a second time
                END LOOP;
            ELSE
                queue := roots;
            END IF;
            filled := pg_catalog.cardinality(queue);
            taken := 0;
            WHILE taken OPERATOR(pg_catalog.<) filled LOOP
                taken := taken OPERATOR(pg_catalog.+) 1;
                parent := queue[taken];
                edge := first_edge[parent];
                CONTINUE WHEN edge OPERATOR(pg_catalog.=) 0;
                level := levels[parent] OPERATOR(pg_catalog.+) 1; -- NULL for the dead
                WHILE edge OPERATOR(pg_catalog.>) 0 LOOP
                    child := children[edge];
                    waiting := waits[child] OPERATOR(pg_catalog.-) 1;
                    waits[child] := waiting;
                    IF waiting OPERATOR(pg_catalog.=) 0 THEN
                        levels[child] := level;
                        filled := filled OPERATOR(pg_catalog.+) 1;
                        queue[filled] := child;
                    END IF;
                    edge := next_edge[edge];
                END LOOP;
            END LOOP;
            settled := settled OPERATOR(pg_catalog.+) filled;
        END LOOP;
        EXIT WHEN settled OPERATOR(pg_catalog.=) steps OR attempt OPERATOR(pg_catalog.=) 2;

        reached := pg_catalog.array_fill(false, ARRAY[steps]);
        queue := roots;
        FOREACH child IN ARRAY roots LOOP
            reached[child] := true;
        END LOOP;
        filled := pg_catalog.cardinality(queue);
        taken := 0;
        WHILE taken OPERATOR(pg_catalog.<) filled LOOP
            taken := taken OPERATOR(pg_catalog.+) 1;
            edge := first_edge[queue[taken]];
            WHILE edge OPERATOR(pg_catalog.>) 0 LOOP
                child := children[edge];
                IF NOT reached[child] THEN
                    reached[child] := true;
                    filled := filled OPERATOR(pg_catalog.+) 1;
                    queue[filled] := child;
                END IF;
                edge := next_edge[edge];
            END LOOP;
        END LOOP;
        dead := '{}';
        FOR i IN 1 .. steps LOOP
            IF NOT reached[i] THEN
                dead := pg_catalog.array_append(dead, i);
            END IF;
        END LOOP;
    END LOOP;

    RETURN QUERY
    SELECT u.id, u.level
    FROM ROWS FROM (pg_catalog.unnest(ids), pg_catalog.unnest(levels)) AS u (id, level)
    WHERE u.level IS NOT NULL
    ORDER BY u.level, u.id;
END
$function$;
